/* Products of rows with packed weights, in bfloat16 or int8, in matrix tiles (AMX) or in vectors.
 *
 * With few rows the time goes into reading weights. They are stored in the order in which they are read, 32 outputs after
 * 32 outputs, and are prefetched. Matrix tiles and vectors read the same order.
 */
#include <stddef.h>
#include <stdlib.h>

#include "vectors.h"

#ifdef VECTORS
#define TILE (16 * 64)   /* bytes */
#define OUTPUTS (2 * SIDE) /* of a block of weights, and rows that matrix tiles compute together */
#define PREFETCH_DISTANCE 8192 /* bytes; 4 to 32 kB are equally fast */
#define ROWS 24 /* computed together in vectors */
#define CACHED_BYTES (384 * 1024) /* of rows that stay in the second-level cache while all weights are read */

#ifdef TILES
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

#endif

/* Whether int8 products add 128 to x, which `offset` takes off again. */
int multiplies_unsigned(void) {
#ifdef __AVX512VNNI__
    return !tiles_ready();
#else
    return 0;
#endif
}

/* Values of a row of int8 that is multiplied: x + 128 for the instruction that multiplies unsigned by signed bytes (VNNI); else
 * |x| in the first half of the row and x in the second. */
#ifdef __AVX512VNNI__
#define ROW_PARTS 1
#else
#define ROW_PARTS 2
#endif

static void spread_int8(const int8_t *x, uint8_t *out, int64_t depth) {
#ifdef __AVX512VNNI__
    for (int64_t i = 0; i < depth; i++) out[i] = (uint8_t)(x[i] + 128);
#else
    for (int64_t i = 0; i < depth; i++) out[i] = (uint8_t)(x[i] < 0 ? -x[i] : x[i]);
    memcpy(out + depth, x, depth);
#endif
}

/* multiply_rows() for int8: a tile holds four inputs for each of 16 outputs. `depth` is that of a part of a row. */
static inline __attribute__((always_inline)) void multiply_bytes(int rows, const uint8_t *x, int64_t depth, const char *weights,
                                                                 int64_t ahead, int32_t *sums) {
    const int64_t stride = depth * ROW_PARTS;
#ifdef __AVX512VNNI__
    __m512i sum[MOST_ROWS][2];
#pragma GCC unroll 12
    for (int r = 0; r < rows; r++) sum[r][0] = sum[r][1] = _mm512_setzero_si512();
    for (int64_t step = 0; step < depth / 64; step++, weights += 2 * TILE, x += 64)
#pragma GCC unroll 2
        for (int four = 0; four < 16; four++) {
            const char *one = weights + four * 64;
            if (ahead) _mm_prefetch(one + ahead, _MM_HINT_T1), _mm_prefetch(one + TILE + ahead, _MM_HINT_T1);
            __m512i low = _mm512_loadu_si512(one), high = _mm512_loadu_si512(one + TILE);
#pragma GCC unroll 12
            for (int r = 0; r < rows; r++) {
                int32_t all;
                memcpy(&all, x + r * stride + 4 * four, 4);
                __m512i value = _mm512_set1_epi32(all);
                sum[r][0] = _mm512_dpbusd_epi32(sum[r][0], value, low);
                sum[r][1] = _mm512_dpbusd_epi32(sum[r][1], value, high);
            }
        }
#pragma GCC unroll 12
    for (int r = 0; r < rows; r++) {
        _mm512_storeu_si512(sums + r * OUTPUTS, sum[r][0]);
        _mm512_storeu_si512(sums + r * OUTPUTS + SIDE, sum[r][1]);
    }
#else
    const __m256i ones = _mm256_set1_epi16(1);
    for (int half = 0; half < 2; half++) { /* 16 outputs, whose sums fit in registers */
        const char *at = weights + half * TILE;
        const uint8_t *from = x;
        __m256i sum[4][2];
#pragma GCC unroll 4
        for (int r = 0; r < rows; r++) sum[r][0] = sum[r][1] = _mm256_setzero_si256();
        for (int64_t step = 0; step < depth / 64; step++, at += 2 * TILE, from += 64)
            for (int four = 0; four < 16; four++) {
                if (ahead) _mm_prefetch(at + four * 64 + ahead, _MM_HINT_T1);
                __m256i low = _mm256_loadu_si256((const __m256i *)(at + four * 64));
                __m256i high = _mm256_loadu_si256((const __m256i *)(at + four * 64 + 32));
#pragma GCC unroll 4
                for (int r = 0; r < rows; r++) {
                    int32_t size, value;
                    memcpy(&size, from + r * stride + 4 * four, 4);
                    memcpy(&value, from + r * stride + depth + 4 * four, 4);
                    __m256i sizes = _mm256_set1_epi32(size), values = _mm256_set1_epi32(value);
                    /* |x| * (w with the sign of x): the sum of two fits in 16 bits, because no value is -128. */
                    __m256i a = _mm256_maddubs_epi16(sizes, _mm256_sign_epi8(low, values));
                    __m256i b = _mm256_maddubs_epi16(sizes, _mm256_sign_epi8(high, values));
                    sum[r][0] = _mm256_add_epi32(sum[r][0], _mm256_madd_epi16(a, ones));
                    sum[r][1] = _mm256_add_epi32(sum[r][1], _mm256_madd_epi16(b, ones));
                }
            }
#pragma GCC unroll 4
        for (int r = 0; r < rows; r++) {
            _mm256_storeu_si256((__m256i *)(sums + r * OUTPUTS + half * SIDE), sum[r][0]);
            _mm256_storeu_si256((__m256i *)(sums + r * OUTPUTS + half * SIDE + 8), sum[r][1]);
        }
    }
#endif
}

/* The same for any number of rows. The first of them prefetch the weights `ahead` bytes further. */
static void multiply_bytes_in_vectors(int64_t rows, const uint8_t *x, int64_t depth, const char *weights, int64_t ahead,
                                      int32_t *sums) {
    int64_t stride = depth * ROW_PARTS;
    while (rows > 0) {
        int64_t done;
#ifdef __AVX512VNNI__
        if (rows >= 12) multiply_bytes(12, x, depth, weights, ahead, sums), done = 12;
        else if (rows >= 8) multiply_bytes(8, x, depth, weights, ahead, sums), done = 8;
        else
#endif
        if (rows >= 4) multiply_bytes(4, x, depth, weights, ahead, sums), done = 4;
        else if (rows >= 2) multiply_bytes(2, x, depth, weights, ahead, sums), done = 2;
        else multiply_bytes(1, x, depth, weights, ahead, sums), done = 1;
        rows -= done, x += done * stride, sums += done * OUTPUTS, ahead = 0;
    }
}

static inline vector from_integers(const int32_t *x) {
#if LANES == 16
    return _mm512_cvtepi32_ps(_mm512_loadu_si512(x));
#else
    return _mm256_cvtepi32_ps(_mm256_loadu_si256((const __m256i *)x));
#endif
}

/* What follows from sums. In int8 a sum, with `offset[output]` added, is multiplied by unit[row] * scale[output]. Then come
 * bias, GELU and the sum with `added` (rows, outputs). */
typedef struct {
    const float *unit, *scale, *bias;
    const int32_t *offset;
    const bf16 *added;
    void *out;
    int64_t outputs, gelu, wide;
} Result;

/* x times the normal distribution's integral; Abramowitz and Stegun 7.1.26 with 2^x as above. Relative error 1e-4. */
static inline vector gelu(vector x) {
    vector size = largest(x, spread(0.f) - x), t = spread(1.f) / multiply_add(size, spread(0.3275911f * 0.70710678f), spread(1.f));
    vector tail = multiply_add(t, spread(1.061405429f), spread(-1.453152027f));
    tail = multiply_add(tail, t, spread(1.421413741f));
    tail = multiply_add(tail, t, spread(-0.284496736f));
    tail = multiply_add(tail, t, spread(0.254829592f));
    tail = tail * t * spread(0.5f) * power_of_two(x * x * spread(-0.5f * 1.44269504f)); /* of the distribution beyond |x| */
    return largest(x, spread(0.f)) - size * tail;
}

/* Write 32 outputs of `count` rows, from `row` and `first` on, as far as they exist. scale, bias and offset are whole blocks. */
static inline void write_block(const int32_t *sums, const Result *result, int64_t row, int64_t first, int64_t count) {
    int64_t outputs = result->outputs, existing = outputs - first < OUTPUTS ? outputs - first : OUTPUTS;
    for (int64_t r = 0; r < count; r++, row++, sums += OUTPUTS) {
        float values[OUTPUTS] __attribute__((aligned(64)));
        for (int64_t n = 0; n < OUTPUTS; n += LANES) {
            vector value = load((const float *)sums + n);
            if (result->scale) {
                value = from_integers(sums + n);
                if (result->offset) value = value + from_integers(result->offset + first + n);
                value = value * spread(result->unit[row]) * load(result->scale + first + n);
            }
            if (result->bias) value = value + load(result->bias + first + n);
            if (result->gelu) value = gelu(value);
            put(values + n, value);
        }
        int64_t at = row * outputs + first;
        if (result->added)
            for (int64_t n = 0; n < existing; n++) values[n] += to_float(result->added[at + n]);
        if (result->wide) {
            memcpy((float *)result->out + at, values, existing * sizeof(float));
        } else if (existing == OUTPUTS) {
            for (int64_t n = 0; n < OUTPUTS; n += 2 * LANES)
                put_bf16((bf16 *)result->out + at + n, load(values + n), load(values + n + LANES));
        } else {
            for (int64_t n = 0; n < existing; n++) ((bf16 *)result->out)[at + n] = to_bf16(values[n]);
        }
    }
}

/* out = x · weightᵀ + bias, then GELU of that if `gelu`, then + added (which may be null). A row of x has `depth` bytes. For matrix tiles, x is padded to whole tiles of rows.
 *
 * weight: (outputs / 32, depth / 64, 2, 16, 16, 4 bytes): for 32 outputs, for each tile of inputs, two tiles of outputs.
 * scale, bias, offset: (outputs rounded up to 32,). In bfloat16 unit, scale and offset are null; bias may be null. offset is
 * -128 times the sum of an output's weights.
 * out: (rows, outputs), float32 if `wide`, else bfloat16. Returns 0 where there is no memory for it.
 */
int multiply(const char *x, const char *weight, const float *unit, const float *scale, const float *bias,
             const int32_t *offset, const bf16 *added, void *out, int64_t rows, int64_t outputs, int64_t depth,
             int64_t gelu, int64_t wide) {
    Result result = {unit, scale, bias, offset, added, out, outputs, gelu, wide};
#ifdef TILES
    if (tiles_ready()) {
        int64_t panels = (rows + PANEL - 1) / PANEL, height = (rows / OUTPUTS / panels + 1) * OUTPUTS;
        result.offset = NULL;
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
                        write_block(sums, &result, row, first, rows - row < OUTPUTS ? rows - row : OUTPUTS);
                    }
            }
            restore_tiles(&before);
        }
        return 1;
    }
#endif
    /* Rows as they are multiplied. */
    int convert = scale != NULL || sizeof(factor) != sizeof(bf16);
    int64_t bytes = scale ? depth * ROW_PARTS : depth / (int64_t)sizeof(bf16) * (int64_t)sizeof(factor);
    char *converted = convert ? aligned_alloc(64, (rows * bytes + 63) / 64 * 64) : NULL;
    if (convert && converted == NULL) return 0;
    const char *from = convert ? converted : x;
    int64_t height = CACHED_BYTES / bytes / ROWS * ROWS;
    height = height < 2 * ROWS ? 2 * ROWS : height;
    int64_t panels = (rows + height - 1) / height;
    height = ((rows + panels - 1) / panels + ROWS - 1) / ROWS * ROWS; /* equal panels, for threads take whole ones */
    int64_t blocks = (outputs + OUTPUTS - 1) / OUTPUTS;
#pragma omp parallel
    {
        int32_t sums[ROWS * OUTPUTS] __attribute__((aligned(64)));
        if (convert)
#pragma omp for schedule(static)
            for (int64_t r = 0; r < rows; r++) {
                if (scale) {
                    spread_int8((const int8_t *)x + r * depth, (uint8_t *)converted + r * bytes, depth);
                } else {
                    const bf16 *source = (const bf16 *)(x + r * depth);
                    factor *target = (factor *)(converted + r * bytes);
                    for (int64_t i = 0; i < depth / 2; i++) target[i] = to_factor(source[i]);
                }
            }
#pragma omp for collapse(2) schedule(static)
        for (int64_t panel = 0; panel < panels; panel++)
            for (int64_t block = 0; block < blocks; block++) {
                const char *weights = weight + block * OUTPUTS * depth;
                int64_t last = rows < (panel + 1) * height ? rows : (panel + 1) * height;
                for (int64_t row = panel * height; row < last; row += ROWS) {
                    int64_t count = last - row < ROWS ? last - row : ROWS;
                    int64_t ahead = row == panel * height ? PREFETCH_DISTANCE : 0;
                    if (scale)
                        multiply_bytes_in_vectors(count, (const uint8_t *)from + row * bytes, depth, weights, ahead, sums);
                    else
                        for (int64_t n = 0; n < OUTPUTS; n += OUTPUTS_TOGETHER)
                            multiply_all_rows(count, (const factor *)(from + row * bytes), bytes / (int64_t)sizeof(factor),
                                              (const bf16 *)(weights + n / SIDE * TILE), TILE / 2, TILE, depth / 64, ahead,
                                              (float *)sums + n, OUTPUTS);
                    write_block(sums, &result, row, block * OUTPUTS, count);
                }
            }
    }
    free(converted);
    return 1;
}
#else
int multiplies_unsigned(void) { return 0; }
int multiply(void) { return 0; }
#endif
