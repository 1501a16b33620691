/* Products of rows with weights packed for matrix tiles, in bfloat16 or int8, on a CPU with AMX.
 *
 * With few rows the time goes into reading weights. They are stored in the order in which they are read, 32 outputs after
 * 32 outputs, and are prefetched.
 */
#include <stddef.h>

#include "tiles.h"

#ifdef TILES
#define TILE (16 * 64)   /* bytes */
#define OUTPUTS (2 * SIDE) /* computed together, and as many rows */
#define PREFETCH_DISTANCE 8192 /* bytes; 4 to 32 kB are equally fast */
#define PANEL 512        /* rows that stay in the second-level cache while all weights are read */

/* sums[32][32] = rows · weights over `steps` tiles; one tile of rows, or two. */
#define ACCUMULATE(product)                                                                      \
    for (int64_t step = 0; step < steps; step++, weight += 2 * TILE, x += 64) {                  \
        for (int i = 0; i < 2 * TILE; i += 64) _mm_prefetch(weight + PREFETCH_DISTANCE + i, _MM_HINT_T1); \
        _tile_stream_loadd(6, weight, 64);                                                       \
        _tile_stream_loadd(7, weight + TILE, 64);                                                \
        _tile_loadd(4, x, depth);                                                                \
        product(0, 4, 6);                                                                        \
        product(1, 4, 7);                                                                        \
        if (two) {                                                                               \
            _tile_loadd(5, x + SIDE * depth, depth);                                             \
            product(2, 5, 6);                                                                    \
            product(3, 5, 7);                                                                    \
        }                                                                                        \
    }

static inline void multiply_block(const char *x, const char *weight, int64_t depth, int int8, int two, int32_t *sums) {
    int64_t steps = depth / 64;
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    if (int8) {
        ACCUMULATE(_tile_dpbssd)
    } else {
        ACCUMULATE(_tile_dpbf16ps)
    }
    _tile_stored(0, sums, OUTPUTS * 4);
    _tile_stored(1, sums + SIDE, OUTPUTS * 4);
    if (!two) return;
    _tile_stored(2, sums + SIDE * OUTPUTS, OUTPUTS * 4);
    _tile_stored(3, sums + SIDE * OUTPUTS + SIDE, OUTPUTS * 4);
}

/* Write sums * unit[row] * scale[output] + bias[output] to `out`, from `row` and `first` on, as far as they exist. */
static inline void write_block(const int32_t *sums, const float *unit, const float *scale, const float *bias, void *out,
                               int64_t row, int64_t first, int64_t rows, int64_t outputs, int64_t wide) {
    int64_t count = rows - row < OUTPUTS ? rows - row : OUTPUTS;
    for (int64_t n = first; n < first + OUTPUTS && n < outputs; n += SIDE) {
        __mmask16 mask = outputs - n < SIDE ? (1 << (outputs - n)) - 1 : 0xFFFF;
        __m512 biases = bias ? _mm512_maskz_loadu_ps(mask, bias + n) : _mm512_setzero_ps();
        __m512 scales = scale ? _mm512_maskz_loadu_ps(mask, scale + n) : _mm512_set1_ps(1.f);
        for (int64_t r = 0; r < count; r++) {
            __m512i sum = _mm512_load_si512(sums + r * OUTPUTS + n - first);
            __m512 value = scale ? _mm512_mul_ps(_mm512_cvtepi32_ps(sum), _mm512_set1_ps(unit[r])) : _mm512_castsi512_ps(sum);
            int64_t at = (row + r) * outputs + n;
            value = _mm512_fmadd_ps(value, scales, biases);
            if (wide)
                _mm512_mask_storeu_ps((float *)out + at, mask, value);
            else
                _mm256_mask_storeu_epi16((bf16 *)out + at, mask, (__m256i)_mm512_cvtneps_pbh(value));
        }
    }
}

/* out = x · weightᵀ + bias. A row of x has `depth` bytes; x is padded to whole tiles of rows, of which `rows` are used.
 *
 * weight: (outputs / 32, depth / 64, 2, 16, 16, 4 bytes): for 32 outputs, for each tile of inputs, two tiles of outputs.
 * In int8 a sum is multiplied by unit[row] * scale[output]; in bfloat16 both are null. bias may be null.
 * out: (rows, outputs), float32 if `wide`, else bfloat16.
 */
void multiply(const char *x, const char *weight, const float *unit, const float *scale, const float *bias, void *out,
              int64_t rows, int64_t outputs, int64_t depth, int64_t wide) {
    int64_t panels = (rows + PANEL - 1) / PANEL, height = (rows / OUTPUTS / panels + 1) * OUTPUTS;
#pragma omp parallel
    {
        int32_t sums[OUTPUTS * OUTPUTS] __attribute__((aligned(64)));
        Tiles before;
        configure_tiles(&before);
        for (int64_t panel = 0; panel < rows; panel += height) {
#pragma omp for schedule(static) nowait
            for (int64_t first = 0; first < outputs; first += OUTPUTS)
                for (int64_t row = panel; row < rows && row < panel + height; row += OUTPUTS) {
                    multiply_block(x + row * depth, weight + first * depth, depth, scale != NULL, row + SIDE < rows, sums);
                    write_block(sums, unit ? unit + row : NULL, scale, bias, out, row, first, rows, outputs, wide);
                }
        }
        restore_tiles(&before);
    }
}
#else
void multiply(void) {}
#endif
