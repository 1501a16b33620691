/* Attention over a grid of patches with decomposed relative positions, for bfloat16 on a CPU with AMX.
 *
 * Every logit is q·k·scale + by_row[q, row of k] + by_column[q, column of k]; the logits of 32 queries stay in the
 * second-level cache. Strides and sizes count elements; heads are 64 wide; tokens are rows × columns, row by row, and
 * `padded` is their number rounded up to 32.
 */
#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "tiles.h"

#ifdef TILES
#define WIDTH 64
#define PAIRS 32             /* columns of bfloat16 in a tile */
#define TILE (SIDE * PAIRS)  /* values in a tile of bfloat16 */
#define QUERIES (2 * SIDE)   /* processed together */
#define LOG2_E 1.44269504f

/* 16 values, each with room for another in the upper half. */
static inline __m512i load_bf16(const bf16 *x) {
    return _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)x));
}

/* Keys as the right operand of q·kᵀ: for 16 keys and 32 of their values, pairs of values beside each other. */
static void pack_keys(const bf16 *key, int64_t stride, int64_t tokens, int64_t padded, bf16 *packed) {
    const __m512i apart = _mm512_mullo_epi32(_mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0),
                                             _mm512_set1_epi32(SIDE));
    memset(packed, 0, padded * WIDTH * sizeof(bf16));
    for (int64_t first = 0; first < padded; first += SIDE)
        for (int part = 0; part < WIDTH; part += PAIRS, packed += TILE)
            for (int64_t n = first; n < first + SIDE && n < tokens; n++)
                _mm512_i32scatter_epi32(packed + (n - first) * 2, apart, _mm512_loadu_si512(key + n * stride + part), 4);
}

/* Values as the right operand of p·v: for 32 tokens and 16 of their values, pairs of tokens beside each other. */
static void pack_values(const bf16 *value, int64_t stride, int64_t tokens, int64_t padded, bf16 *packed) {
    memset(packed, 0, padded * WIDTH * sizeof(bf16));
    for (int64_t first = 0; first < padded; first += PAIRS)
        for (int part = 0; part < WIDTH; part += SIDE, packed += TILE)
            for (int64_t t = first; t < first + PAIRS && t < tokens; t += 2) {
                __m512i pairs = load_bf16(value + t * stride + part);
                if (t + 1 < tokens)
                    pairs = _mm512_or_epi32(pairs, _mm512_slli_epi32(load_bf16(value + (t + 1) * stride + part), 16));
                _mm512_storeu_si512(packed + (t - first) * SIDE, pairs);
            }
}

/* Distance between the logits of two queries: with a power of two, all rows would fall into one set of the cache. */
static int64_t pitch(int64_t padded) { return padded + SIDE; }

/* logits[32][pitch] = q·kᵀ */
static void multiply_keys(const bf16 *query, int64_t stride, const bf16 *keys, int64_t padded, float *logits) {
    _tile_loadd(0, query, stride * 2);
    _tile_loadd(1, query + PAIRS, stride * 2);
    _tile_loadd(2, query + SIDE * stride, stride * 2);
    _tile_loadd(3, query + SIDE * stride + PAIRS, stride * 2);
    for (int64_t first = 0; first < padded; first += SIDE, keys += 2 * TILE) {
        _tile_loadd(4, keys, 64);
        _tile_loadd(5, keys + TILE, 64);
        _tile_zero(6);
        _tile_zero(7);
        _tile_dpbf16ps(6, 0, 4);
        _tile_dpbf16ps(7, 2, 4);
        _tile_dpbf16ps(6, 1, 5);
        _tile_dpbf16ps(7, 3, 5);
        _tile_stored(6, logits + first, pitch(padded) * 4);
        _tile_stored(7, logits + SIDE * pitch(padded) + first, pitch(padded) * 4);
    }
}

/* sums[32][64] = weights[32][padded]·values; a row of weights is stored in the first half of its row of logits. */
static void multiply_values(const bf16 *weights, const bf16 *values, int64_t padded, float *sums) {
    for (int half = 0; half < 2; half++) {
        const bf16 *packed = values + half * 2 * TILE;
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
        for (int64_t first = 0; first < padded; first += PAIRS, packed += 4 * TILE) {
            _tile_loadd(4, weights + first, pitch(padded) * 4);
            _tile_loadd(5, weights + SIDE * pitch(padded) * 2 + first, pitch(padded) * 4);
            _tile_loadd(6, packed, 64);
            _tile_loadd(7, packed + TILE, 64);
            _tile_dpbf16ps(0, 4, 6);
            _tile_dpbf16ps(1, 4, 7);
            _tile_dpbf16ps(2, 5, 6);
            _tile_dpbf16ps(3, 5, 7);
        }
        float *out = sums + half * PAIRS;
        _tile_stored(0, out, WIDTH * 4);
        _tile_stored(1, out + SIDE, WIDTH * 4);
        _tile_stored(2, out + SIDE * WIDTH, WIDTH * 4);
        _tile_stored(3, out + SIDE * WIDTH + SIDE, WIDTH * 4);
    }
}

static inline float to_float(bf16 x) {
    union { uint32_t bits; float value; } u = {(uint32_t)x << 16};
    return u.value;
}

/* 2^x for x <= 0: a polynomial on [-0.5, 0.5], shifted. Its error is at most 8e-5, that of rounding to bf16 4e-3. */
static inline __m512 power_of_two(__m512 x) {
    __m512 whole = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m512 part = _mm512_sub_ps(x, whole);
    __m512 p = _mm512_fmadd_ps(part, _mm512_set1_ps(5.517166e-2f), _mm512_set1_ps(2.4261112e-1f));
    p = _mm512_fmadd_ps(part, p, _mm512_set1_ps(6.9326099e-1f));
    p = _mm512_fmadd_ps(part, p, _mm512_set1_ps(9.9992807e-1f));
    return _mm512_scalef_ps(p, whole);
}

/* logits = logits * factor + added, in place; returns the greatest values so far. */
static inline __m512 add_positions(float *logits, __m512 factor, __m512 added, __m512 most) {
    __m512 x = _mm512_fmadd_ps(_mm512_load_ps(logits), factor, added);
    _mm512_store_ps(logits, x);
    return _mm512_max_ps(most, x);
}

/* Softmax of one query, in place: adds the relative positions; the weights are not divided by their sum, which is returned. */
static float softmax(float *logits, const bf16 *by_row, const bf16 *by_column, int64_t rows, int64_t columns,
                    int64_t padded, float scale, float *added) {
    __m512 most = _mm512_set1_ps(-FLT_MAX), sum = _mm512_setzero_ps(), factor = _mm512_set1_ps(scale * LOG2_E);
    float across[columns];
    for (int64_t c = 0; c < columns; c++) across[c] = to_float(by_column[c]) * LOG2_E;
    if (columns % SIDE == 0) { /* whole vectors, as in GOT's grid of 64 */
        for (int64_t r = 0; r < rows; r++) {
            __m512 down = _mm512_set1_ps(to_float(by_row[r]) * LOG2_E);
            for (int64_t c = 0; c < columns; c += SIDE)
                most = add_positions(logits + r * columns + c, factor, down + _mm512_loadu_ps(across + c), most);
        }
        for (int64_t t = rows * columns; t < padded; t++) logits[t] = -FLT_MAX;
    } else {
        for (int64_t r = 0; r < rows; r++) {
            float down = to_float(by_row[r]) * LOG2_E;
            for (int64_t c = 0; c < columns; c++) added[r * columns + c] = down + across[c];
        }
        for (int64_t t = rows * columns; t < padded; t++) added[t] = -FLT_MAX;
        for (int64_t t = 0; t < padded; t += SIDE)
            most = add_positions(logits + t, factor, _mm512_load_ps(added + t), most);
    }
    __m512 top = _mm512_set1_ps(_mm512_reduce_max_ps(most));
    for (int64_t t = 0; t < padded; t += PAIRS) {
        __m512 low = power_of_two(_mm512_sub_ps(_mm512_load_ps(logits + t), top));
        __m512 high = power_of_two(_mm512_sub_ps(_mm512_load_ps(logits + t + SIDE), top));
        sum = _mm512_add_ps(sum, _mm512_add_ps(low, high));
        _mm512_store_si512((bf16 *)logits + t, (__m512i)_mm512_cvtne2ps_pbh(high, low));
    }
    return _mm512_reduce_add_ps(sum);
}

/* query, key, value: (n, heads, tokens, 64), of the same strides. by_row: (n, heads, tokens, rows); by_column likewise.
 * out: (n, tokens, heads, 64). Returns 0 where there is no memory for it. */
int attend_grid(const bf16 *query, const bf16 *key, const bf16 *value, const bf16 *by_row, const bf16 *by_column,
                bf16 *out, int64_t n, int64_t stride, int64_t head_stride, int64_t token_stride, int64_t heads,
                int64_t rows, int64_t columns, float scale, int threads) {
    int64_t tokens = rows * columns, padded = (tokens + QUERIES - 1) / QUERIES * QUERIES;
    int64_t size = padded * WIDTH, blocks = padded / QUERIES;
    bf16 *packed = aligned_alloc(64, n * heads * size * 2 * sizeof(bf16));
    if (packed == NULL) return 0;
    int whole = 1;
#pragma omp parallel num_threads(threads)
    {
        float *logits = aligned_alloc(64, (QUERIES * pitch(padded) + padded) * sizeof(float));
        float *added = logits + QUERIES * pitch(padded);
        float sums[QUERIES * WIDTH] __attribute__((aligned(64)));
        bf16 edge[QUERIES * WIDTH];
        if (logits == NULL) whole = 0;
        Tiles before;
        configure_tiles(&before);
#pragma omp for
        for (int64_t i = 0; i < n * heads; i++) {
            int64_t from = i / heads * stride + i % heads * head_stride;
            pack_keys(key + from, token_stride, tokens, padded, packed + i * 2 * size);
            pack_values(value + from, token_stride, tokens, padded, packed + (i * 2 + 1) * size);
        }
#pragma omp for schedule(dynamic)
        for (int64_t task = 0; task < n * heads * blocks; task++) {
            if (logits == NULL) continue;
            int64_t i = task / blocks, first = task % blocks * QUERIES, last = first + QUERIES;
            const bf16 *keys = packed + i * 2 * size;
            const bf16 *block = query + i / heads * stride + i % heads * head_stride + first * token_stride;
            if (last <= tokens) {
                multiply_keys(block, token_stride, keys, padded, logits);
            } else {
                last = tokens;
                memset(edge, 0, sizeof edge);
                for (int64_t q = 0; q < last - first; q++)
                    memcpy(edge + q * WIDTH, block + q * token_stride, WIDTH * sizeof(bf16));
                multiply_keys(edge, WIDTH, keys, padded, logits);
            }
            float totals[QUERIES];
            for (int64_t q = 0; q < last - first; q++)
                totals[q] = softmax(logits + q * pitch(padded), by_row + (i * tokens + first + q) * rows,
                                   by_column + (i * tokens + first + q) * columns, rows, columns, padded, scale, added);
            multiply_values((bf16 *)logits, keys + size, padded, sums);
            for (int64_t q = 0; q < last - first; q++)
                for (int c = 0; c < WIDTH; c += PAIRS) {
                    __m512 reciprocal = _mm512_set1_ps(1.f / totals[q]);
                    __m512 low = _mm512_mul_ps(_mm512_load_ps(sums + q * WIDTH + c), reciprocal);
                    __m512 high = _mm512_mul_ps(_mm512_load_ps(sums + q * WIDTH + c + SIDE), reciprocal);
                    _mm512_storeu_si512(out + ((i / heads * tokens + first + q) * heads + i % heads) * WIDTH + c,
                                        (__m512i)_mm512_cvtne2ps_pbh(high, low));
                }
        }
        restore_tiles(&before);
        free(logits);
    }
    free(packed);
    return whole;
}
#else
int attend_grid(void) { return 0; }
#endif
