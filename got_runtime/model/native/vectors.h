/* Vectors of the widest instructions that the compiler may use, and products of rows with packed pairs of bfloat16.
 *
 * AVX-512 bf16 multiplies pairs of bfloat16. Without it they are widened to float32 and multiplied there; AVX-512 has 16
 * of them in a vector, AVX2 has 8. VECTORS is defined where there is one of the three.
 */
#include <stdint.h>
#include <string.h>

#include "tiles.h"

static inline float to_float(bf16 x) {
    union { uint32_t bits; float value; } u = {(uint32_t)x << 16};
    return u.value;
}

static inline bf16 to_bf16(float x) { /* round to nearest, ties to even */
    union { float value; uint32_t bits; } u = {x};
    return (bf16)((u.bits + 0x7FFF + ((u.bits >> 16) & 1)) >> 16);
}

#if defined(__AVX512BW__) || (defined(__AVX2__) && defined(__FMA__))
#include <immintrin.h>
#define VECTORS

#ifdef __AVX512BW__
#define LANES 16 /* float32 values in a vector */
#define MOST_ROWS 12 /* 24 sums, two vectors of weights and one of the row stay in 32 registers */
typedef __m512 vector;
static inline vector spread(float x) { return _mm512_set1_ps(x); }
static inline vector two_halves(float a, float b) { return _mm512_mask_blend_ps(0xFF00, spread(a), spread(b)); }
static inline vector load(const float *x) { return _mm512_loadu_ps(x); }
static inline void put(float *to, vector x) { _mm512_storeu_ps(to, x); }
static inline vector largest(vector a, vector b) { return _mm512_max_ps(a, b); }
static inline float largest_lane(vector x) { return _mm512_reduce_max_ps(x); }
static inline float sum_lanes(vector x) { return _mm512_reduce_add_ps(x); }
static inline vector multiply_add(vector a, vector b, vector c) { return _mm512_fmadd_ps(a, b, c); }
static inline vector widen(const bf16 *x) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)x)), 16));
}
static inline vector nearest(vector x) { return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
static inline vector scale_by_power(vector x, vector whole) { return _mm512_scalef_ps(x, whole); }
/* The first and the second value of LANES pairs. */
static inline vector firsts(const bf16 *pairs) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_loadu_si512(pairs), 16)); }
static inline vector seconds(const bf16 *pairs) {
    return _mm512_castsi512_ps(_mm512_and_si512(_mm512_loadu_si512(pairs), _mm512_set1_epi32((int)0xFFFF0000)));
}
#else
#define LANES 8
#define MOST_ROWS 5 /* of 16 registers 10 are sums; with 12 of them gcc keeps some in memory */
typedef __m256 vector;
static inline vector spread(float x) { return _mm256_set1_ps(x); }
static inline vector two_halves(float a, float b) { return _mm256_blend_ps(spread(a), spread(b), 0xF0); }
static inline vector load(const float *x) { return _mm256_loadu_ps(x); }
static inline void put(float *to, vector x) { _mm256_storeu_ps(to, x); }
static inline vector largest(vector a, vector b) { return _mm256_max_ps(a, b); }
static inline vector multiply_add(vector a, vector b, vector c) { return _mm256_fmadd_ps(a, b, c); }
static inline float largest_lane(vector x) {
    __m128 y = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    y = _mm_max_ps(y, _mm_movehl_ps(y, y));
    return _mm_cvtss_f32(_mm_max_ss(y, _mm_movehdup_ps(y)));
}
static inline float sum_lanes(vector x) {
    __m128 y = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    y = _mm_add_ps(y, _mm_movehl_ps(y, y));
    return _mm_cvtss_f32(_mm_add_ss(y, _mm_movehdup_ps(y)));
}
static inline vector widen(const bf16 *x) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)x)), 16));
}
static inline vector nearest(vector x) { return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
static inline vector scale_by_power(vector x, vector whole) { /* 0 below the normal numbers */
    __m256i exponent = _mm256_cvtps_epi32(_mm256_max_ps(whole, _mm256_set1_ps(-127.f)));
    exponent = _mm256_slli_epi32(_mm256_add_epi32(exponent, _mm256_set1_epi32(127)), 23);
    return _mm256_mul_ps(x, _mm256_castsi256_ps(exponent));
}
static inline vector firsts(const bf16 *pairs) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_loadu_si256((const __m256i *)pairs), 16));
}
static inline vector seconds(const bf16 *pairs) {
    __m256i upper = _mm256_set1_epi32((int)0xFFFF0000);
    return _mm256_castsi256_ps(_mm256_and_si256(_mm256_loadu_si256((const __m256i *)pairs), upper));
}
#endif

/* A row of values that is multiplied: bfloat16 where pairs can be multiplied, else float32. */
#ifdef __AVX512BF16__
typedef bf16 factor;
#define to_factor(x) (x)
#else
typedef float factor;
#define to_factor to_float
#endif

/* Write 2 * LANES values as bfloat16. */
static inline void put_bf16(bf16 *to, vector low, vector high) {
#ifdef __AVX512BF16__
    _mm512_storeu_si512(to, (__m512i)_mm512_cvtne2ps_pbh(high, low));
#else
    float values[2 * LANES];
    put(values, low);
    put(values + LANES, high);
    for (int i = 0; i < 2 * LANES; i++) to[i] = to_bf16(values[i]);
#endif
}

/* 2^x for x <= 0: a polynomial on [-0.5, 0.5], shifted. Its error is at most 8e-5, that of rounding to bf16 4e-3. */
static inline vector power_of_two(vector x) {
    vector whole = nearest(x), part = x - whole;
    vector p = multiply_add(part, spread(5.517166e-2f), spread(2.4261112e-1f));
    p = multiply_add(part, p, spread(6.9326099e-1f));
    p = multiply_add(part, p, spread(9.9992807e-1f));
    return scale_by_power(p, whole);
}

#define PAIR_ROWS 16 /* of a tile: pairs of inputs for each of 16 outputs, as the matrix tiles want them */
#define PAIR_TILE (PAIR_ROWS * 16 * 2) /* values */
#if LANES == 16
#define TILES_TOGETHER 2 /* tiles of outputs: two vectors of sums a row */
#else
#define TILES_TOGETHER 1
#endif

/* sums[rows][16 * TILES_TOGETHER] = x · weights, over `steps` tiles of 32 inputs. Tiles of outputs are `across` values
 * apart, tiles of inputs `along`. Weights `ahead` bytes further are prefetched, unless it is 0. `rows` is a constant where this is inlined. */
static inline __attribute__((always_inline)) void multiply_rows(int rows, const factor *x, int64_t x_stride, const bf16 *weights,
                                                                int64_t across, int64_t along, int64_t steps, int64_t ahead,
                                                                float *sums, int64_t sums_stride) {
    vector sum[MOST_ROWS][2];
#pragma GCC unroll 12
    for (int r = 0; r < rows; r++) sum[r][0] = sum[r][1] = spread(0.f);
    if (TILES_TOGETHER == 1) across = 2 * LANES;
    for (int64_t step = 0; step < steps; step++, weights += along, x += 2 * PAIR_ROWS)
#pragma GCC unroll 2
        for (int pair = 0; pair < PAIR_ROWS; pair++) {
            const bf16 *one = weights + pair * 32, *two = one + across;
            if (ahead) {
                _mm_prefetch((const char *)one + ahead, _MM_HINT_T1);
                if (TILES_TOGETHER == 2) _mm_prefetch((const char *)two + ahead, _MM_HINT_T1);
            }
#ifdef __AVX512BF16__
            __m512bh low = (__m512bh)_mm512_loadu_si512(one), high = (__m512bh)_mm512_loadu_si512(two);
#pragma GCC unroll 12
            for (int r = 0; r < rows; r++) {
                int32_t both;
                memcpy(&both, x + r * x_stride + 2 * pair, 4);
                __m512bh value = (__m512bh)_mm512_set1_epi32(both);
                sum[r][0] = _mm512_dpbf16_ps(sum[r][0], low, value);
                sum[r][1] = _mm512_dpbf16_ps(sum[r][1], high, value);
            }
#else
            vector low = firsts(one), high = firsts(two);
#pragma GCC unroll 12
            for (int r = 0; r < rows; r++) {
                vector value = spread(x[r * x_stride + 2 * pair]);
                sum[r][0] = multiply_add(low, value, sum[r][0]);
                sum[r][1] = multiply_add(high, value, sum[r][1]);
            }
            low = seconds(one), high = seconds(two);
#pragma GCC unroll 12
            for (int r = 0; r < rows; r++) {
                vector value = spread(x[r * x_stride + 2 * pair + 1]);
                sum[r][0] = multiply_add(low, value, sum[r][0]);
                sum[r][1] = multiply_add(high, value, sum[r][1]);
            }
#endif
        }
#pragma GCC unroll 12
    for (int r = 0; r < rows; r++) {
        put(sums + r * sums_stride, sum[r][0]);
        put(sums + r * sums_stride + LANES, sum[r][1]);
    }
}

#define OUTPUTS_TOGETHER (16 * TILES_TOGETHER)

/* The same for any number of rows. */
static inline void multiply_all_rows(int64_t rows, const factor *x, int64_t x_stride, const bf16 *weights, int64_t across,
                              int64_t along, int64_t steps, int64_t ahead, float *sums, int64_t sums_stride) {
    while (rows > 0) {
        int64_t done;
#define MULTIPLY(number) multiply_rows(done = number, x, x_stride, weights, across, along, steps, ahead, sums, sums_stride)
#if MOST_ROWS == 12
        if (rows >= 12) MULTIPLY(12);
        else if (rows >= 8) MULTIPLY(8);
        else if (rows >= 4) MULTIPLY(4);
#else
        if (rows == 5 || rows >= 9) MULTIPLY(5);
        else if (rows == 4 || rows >= 7) MULTIPLY(4);
        else if (rows == 3 || rows == 6) MULTIPLY(3);
#endif
        else if (rows >= 2) MULTIPLY(2);
        else MULTIPLY(1);
#undef MULTIPLY
        rows -= done, x += done * x_stride, sums += done * sums_stride, ahead = 0;
    }
}
#endif

/* What products run on: nothing of this (0), AVX2, AVX-512, AVX-512 bf16, or matrix tiles (4). */
int instructions(void) {
#if !defined(VECTORS)
    return 0;
#elif LANES == 8
    return 1;
#elif !defined(__AVX512BF16__)
    return 2;
#else
    return tiles_ready() ? 4 : 3;
#endif
}
