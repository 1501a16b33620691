/* Matrix tiles (AMX) in vectors of AVX-512, for tests on processors without tiles. Included before each C file. */
#include <immintrin.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define __AMX_BF16__ 1
#define __AMX_INT8__ 1

static __thread char emulated[8][16][64] __attribute__((aligned(64)));

static inline void load_tile(int tile, const void *from, long stride) {
    for (int row = 0; row < 16; row++) memcpy(emulated[tile][row], (const char *)from + row * stride, 64);
}

static inline void store_tile(int tile, void *to, long stride) {
    for (int row = 0; row < 16; row++) memcpy((char *)to + row * stride, emulated[tile][row], 64);
}

static inline void multiply_bf16(int sum, int left, int right) {
    for (int m = 0; m < 16; m++)
        for (int k = 0; k < 16; k++) {
            __m512bh pair = (__m512bh)_mm512_set1_epi32(((int32_t *)emulated[left][m])[k]);
            __m512 before = _mm512_loadu_ps(emulated[sum][m]);
            _mm512_storeu_ps(emulated[sum][m], _mm512_dpbf16_ps(before, (__m512bh)_mm512_loadu_si512(emulated[right][k]), pair));
        }
}

/* The instruction for vectors multiplies unsigned by signed bytes: 128 is added to the left ones and taken off again. */
static inline void multiply_int8(int sum, int left, int right) {
    const __m512i offset = _mm512_set1_epi8((char)0x80);
    for (int m = 0; m < 16; m++)
        for (int k = 0; k < 16; k++) {
            __m512i four = _mm512_xor_si512(_mm512_set1_epi32(((int32_t *)emulated[left][m])[k]), offset);
            __m512i weights = _mm512_loadu_si512(emulated[right][k]), total = _mm512_loadu_si512(emulated[sum][m]);
            total = _mm512_sub_epi32(total, _mm512_dpbusd_epi32(_mm512_setzero_si512(), offset, weights));
            _mm512_storeu_si512(emulated[sum][m], _mm512_dpbusd_epi32(total, four, weights));
        }
}

#undef _tile_zero
#undef _tile_loadd
#undef _tile_stream_loadd
#undef _tile_stored
#undef _tile_dpbf16ps
#undef _tile_dpbssd
#define _tile_zero(tile) memset(emulated[tile], 0, 1024)
#define _tile_loadd load_tile
#define _tile_stream_loadd load_tile
#define _tile_stored store_tile
#define _tile_dpbf16ps multiply_bf16
#define _tile_dpbssd multiply_int8
#define _tile_loadconfig(from) ((void)(from))
#define _tile_storeconfig(to) ((void)(to))
#define syscall(...) 0 /* permission to use tiles is granted */
