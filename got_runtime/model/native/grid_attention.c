/* Attention over a grid of patches with decomposed relative positions, in bfloat16 on a CPU.
 *
 * Every logit is q·k·scale + by_row[q, row of k] + by_column[q, column of k]; the logits of QUERIES queries stay in the
 * second-level cache. Products run in matrix tiles (AMX) where there are any, else in vectors. Strides and sizes count
 * elements; heads are 64 wide; tokens are rows × columns, row by row, and `padded` is their number rounded up to 32.
 */
#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "vectors.h"

#ifdef VECTORS
#define WIDTH 64
#define PAIRS 32             /* columns of bfloat16 in a tile */
#define TILE (SIDE * PAIRS)  /* values in a tile of bfloat16 */
#define LOG2_E 1.44269504f
#ifdef TILES
#define QUERIES (2 * SIDE) /* processed together */
#else
#define QUERIES 24
#endif
#define FACTORS (int64_t)(sizeof(float) / sizeof(factor)) /* in the place of a float32 */

/* Keys as the right operand of q·kᵀ: for 16 keys and 32 of their values, pairs of values beside each other. */
static void pack_keys(const bf16 *key, int64_t stride, int64_t tokens, int64_t padded, bf16 *packed) {
    memset(packed, 0, padded * WIDTH * sizeof(bf16));
    for (int64_t first = 0; first < padded; first += SIDE)
        for (int part = 0; part < WIDTH; part += PAIRS, packed += TILE)
            for (int64_t n = first; n < first + SIDE && n < tokens; n++)
                for (int pair = 0; pair < PAIRS; pair += 2)
                    memcpy(packed + pair * SIDE + (n - first) * 2, key + n * stride + part + pair, 2 * sizeof(bf16));
}

/* Values as the right operand of p·v: for 32 tokens and 16 of their values, pairs of tokens beside each other. */
static void pack_values(const bf16 *value, int64_t stride, int64_t tokens, int64_t padded, bf16 *packed) {
    memset(packed, 0, padded * WIDTH * sizeof(bf16));
    for (int64_t first = 0; first < padded; first += PAIRS)
        for (int part = 0; part < WIDTH; part += SIDE, packed += TILE)
            for (int64_t t = first; t < first + PAIRS && t < tokens; t++)
                for (int i = 0; i < SIDE; i++)
                    packed[(t - first) / 2 * PAIRS + 2 * i + (t - first) % 2] = value[t * stride + part + i];
}

/* Distance between the logits of two queries: with a power of two, all rows would fall into one set of the cache. */
static int64_t pitch(int64_t padded) { return padded + SIDE; }

#ifdef TILES
/* logits[32][pitch] = q·kᵀ */
static void multiply_keys_in_tiles(const bf16 *query, int64_t stride, const bf16 *keys, int64_t padded, float *logits) {
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
static void multiply_values_in_tiles(const bf16 *weights, const bf16 *values, int64_t padded, float *sums) {
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
#else
static void multiply_keys_in_tiles(const bf16 *query, int64_t stride, const bf16 *keys, int64_t padded, float *logits) {}
static void multiply_values_in_tiles(const bf16 *weights, const bf16 *values, int64_t padded, float *sums) {}
#endif

/* The same in vectors, for `count` queries. */
static void multiply_keys(const factor *query, int64_t stride, int64_t count, const bf16 *keys, int64_t padded, float *logits) {
    for (int64_t first = 0; first < padded; first += OUTPUTS_TOGETHER, keys += 2 * TILE * TILES_TOGETHER)
        multiply_all_rows(count, query, stride, keys, 2 * TILE, TILE, 2, 0, logits + first, pitch(padded));
}

static void multiply_values(const float *weights, int64_t count, const bf16 *values, int64_t padded, float *sums) {
    for (int64_t part = 0; part < WIDTH; part += OUTPUTS_TOGETHER, values += TILE * TILES_TOGETHER)
        multiply_all_rows(count, (const factor *)weights, pitch(padded) * FACTORS, values, TILE, 4 * TILE, padded / PAIRS, 0,
                          sums + part, WIDTH);
}

/* logits = logits * scale + added, in place; returns the greatest values so far. */
static inline vector add_positions(float *logits, vector scale, vector added, vector most) {
    vector x = multiply_add(load(logits), scale, added);
    put(logits, x);
    return largest(most, x);
}

/* Softmax of one query, in place: adds the relative positions; the weights are not divided by their sum, which is returned. */
static float softmax(float *logits, const bf16 *by_row, const bf16 *by_column, int64_t rows, int64_t columns,
                    int64_t padded, float scale, float *added) {
    vector most = spread(-FLT_MAX), sum = spread(0.f), scales = spread(scale * LOG2_E);
    float across[columns];
    for (int64_t c = 0; c < columns; c++) across[c] = to_float(by_column[c]) * LOG2_E;
    if (columns % LANES == 0) { /* whole vectors, as in GOT's grid of 64 */
        for (int64_t r = 0; r < rows; r++) {
            vector down = spread(to_float(by_row[r]) * LOG2_E);
            for (int64_t c = 0; c < columns; c += LANES)
                most = add_positions(logits + r * columns + c, scales, down + load(across + c), most);
        }
        for (int64_t t = rows * columns; t < padded; t++) logits[t] = -FLT_MAX;
    } else {
        for (int64_t r = 0; r < rows; r++) {
            float down = to_float(by_row[r]) * LOG2_E;
            for (int64_t c = 0; c < columns; c++) added[r * columns + c] = down + across[c];
        }
        for (int64_t t = rows * columns; t < padded; t++) added[t] = -FLT_MAX;
        for (int64_t t = 0; t < padded; t += LANES)
            most = add_positions(logits + t, scales, load(added + t), most);
    }
    vector top = spread(largest_lane(most));
    for (int64_t t = 0; t < padded; t += 2 * LANES) {
        vector low = power_of_two(load(logits + t) - top), high = power_of_two(load(logits + t + LANES) - top);
        sum += low + high;
#ifdef __AVX512BF16__
        put_bf16((bf16 *)logits + t, low, high);
#else
        put(logits + t, low);
        put(logits + t + LANES, high);
#endif
    }
    return sum_lanes(sum);
}

/* query, key, value: (n, heads, tokens, 64), of the same strides. by_row: (n, heads, tokens, rows); by_column likewise.
 * out: (n, tokens, heads, 64). Returns 0 where there is no memory for it. */
int attend_grid(const bf16 *query, const bf16 *key, const bf16 *value, const bf16 *by_row, const bf16 *by_column,
                bf16 *out, int64_t n, int64_t stride, int64_t head_stride, int64_t token_stride, int64_t heads,
                int64_t rows, int64_t columns, float scale, int threads) {
    int64_t tokens = rows * columns, padded = (tokens + PAIRS - 1) / PAIRS * PAIRS;
    int64_t size = padded * WIDTH, blocks = (tokens + QUERIES - 1) / QUERIES;
    bf16 *packed = aligned_alloc(64, n * heads * size * 2 * sizeof(bf16));
    if (packed == NULL) return 0;
    int whole = 1, tiled = tiles_ready();
#pragma omp parallel num_threads(threads)
    {
        float *logits = aligned_alloc(64, (QUERIES * pitch(padded) + padded) * sizeof(float));
        float *added = logits + QUERIES * pitch(padded);
        float sums[QUERIES * WIDTH] __attribute__((aligned(64)));
        factor few[QUERIES * WIDTH];
        if (logits == NULL) whole = 0;
        Tiles before;
        if (tiled) configure_tiles(&before);
#pragma omp for
        for (int64_t i = 0; i < n * heads; i++) {
            int64_t from = i / heads * stride + i % heads * head_stride;
            pack_keys(key + from, token_stride, tokens, padded, packed + i * 2 * size);
            pack_values(value + from, token_stride, tokens, padded, packed + (i * 2 + 1) * size);
        }
#pragma omp for schedule(dynamic)
        for (int64_t task = 0; task < n * heads * blocks; task++) {
            if (logits == NULL) continue;
            int64_t i = task / blocks, first = task % blocks * QUERIES;
            int64_t count = tokens - first < QUERIES ? tokens - first : QUERIES;
            const bf16 *keys = packed + i * 2 * size;
            const bf16 *block = query + i / heads * stride + i % heads * head_stride + first * token_stride;
            if (tiled && count == QUERIES) {
                multiply_keys_in_tiles(block, token_stride, keys, padded, logits);
            } else {
                memset(few, 0, sizeof few);
                for (int64_t q = 0; q < count; q++)
                    for (int64_t c = 0; c < WIDTH; c++) few[q * WIDTH + c] = to_factor(block[q * token_stride + c]);
                if (tiled) multiply_keys_in_tiles((const bf16 *)few, WIDTH, keys, padded, logits);
                else multiply_keys(few, WIDTH, count, keys, padded, logits);
            }
            float totals[QUERIES];
            for (int64_t q = 0; q < count; q++)
                totals[q] = softmax(logits + q * pitch(padded), by_row + (i * tokens + first + q) * rows,
                                   by_column + (i * tokens + first + q) * columns, rows, columns, padded, scale, added);
            if (tiled) multiply_values_in_tiles((bf16 *)logits, keys + size, padded, sums);
            else multiply_values(logits, count, keys + size, padded, sums);
            for (int64_t q = 0; q < count; q++)
                for (int c = 0; c < WIDTH; c += 2 * LANES) {
                    vector reciprocal = spread(1.f / totals[q]);
                    put_bf16(out + ((i / heads * tokens + first + q) * heads + i % heads) * WIDTH + c,
                             load(sums + q * WIDTH + c) * reciprocal, load(sums + q * WIDTH + c + LANES) * reciprocal);
                }
        }
        if (tiled) restore_tiles(&before);
        free(logits);
    }
    free(packed);
    return whole;
}
#else
int attend_grid(void) { return 0; }
#endif
