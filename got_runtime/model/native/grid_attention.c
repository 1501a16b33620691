/* Attention over a grid of patches, or windows of it, with decomposed relative positions, in bfloat16 on a CPU.
 *
 * Every logit is q·k·scale + q·(vector of the rows' distance) + q·(vector of the columns' distance); the logits of QUERIES
 * queries stay in the second-level cache. Products run in matrix tiles (AMX) where there are any, else in vectors. Sizes count
 * elements; heads are 64 wide; `tokens` are those of a window, row by row, and `padded` is their number rounded up to 32.
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

/* A grid (tiles, rows, columns, 3, heads, 64), cut into windows of height × width; the last ones extend over the grid's edge. */
typedef struct {
    const bf16 *qkv, *outside; /* of a patch beyond the edge: (3, heads, 64) */
    int64_t rows, columns, heads, height, width, down, across;
} Grid;

/* Places in the grid of a window's tokens from `first` on, -1 for those beyond the edge. */
static void find_places(const Grid *grid, int64_t window, int64_t first, int64_t count, int64_t *places) {
    int64_t tile = window / (grid->across * grid->down), row = first / grid->width, column = first % grid->width;
    int64_t top = window / grid->across % grid->down * grid->height, left = window % grid->across * grid->width;
    for (int64_t n = 0; n < count; n++) {
        int inside = top + row < grid->rows && left + column < grid->columns;
        places[n] = inside ? (tile * grid->rows + top + row) * grid->columns + left + column : -1;
        if (++column == grid->width) column = 0, row++;
    }
}

/* The query (0), key (1) or value (2) of a head. */
static inline const bf16 *part_of(const Grid *grid, int64_t place, int64_t part, int64_t head) {
    return (place < 0 ? grid->outside : grid->qkv + place * 3 * grid->heads * WIDTH) + (part * grid->heads + head) * WIDTH;
}

/* One key as part of the right operand of q·kᵀ: for 16 keys and 32 of their values, pairs of values are beside each other. */
static inline void pack_key(const bf16 *key, int64_t n, bf16 *packed) {
    packed += n / SIDE * 2 * TILE + n % SIDE * 2;
    for (int part = 0; part < WIDTH; part += PAIRS, packed += TILE)
        for (int pair = 0; pair < PAIRS; pair += 2) memcpy(packed + pair * SIDE, key + part + pair, 2 * sizeof(bf16));
}

static void pack_keys(const Grid *grid, const int64_t *places, int64_t head, int64_t tokens, int64_t padded, bf16 *packed) {
    int64_t whole = tokens / SIDE * SIDE; /* keys of whole tiles */
    memset(packed + whole * WIDTH, 0, (padded - whole) * WIDTH * sizeof(bf16));
    for (int64_t n = 0; n < tokens; n++) pack_key(part_of(grid, places[n], 1, head), n, packed);
}

/* Values as the right operand of p·v: for 32 tokens and 16 of their values, pairs of tokens beside each other. */
static void pack_values(const Grid *grid, const int64_t *places, int64_t head, int64_t tokens, int64_t padded, bf16 *packed) {
    static const bf16 zeros[WIDTH];
    for (int64_t t = 0; t < padded; t += 2) {
        const bf16 *one = t < tokens ? part_of(grid, places[t], 2, head) : zeros;
        const bf16 *two = t + 1 < tokens ? part_of(grid, places[t + 1], 2, head) : zeros;
        for (int part = 0; part < WIDTH; part += SIDE) {
            bf16 *to = packed + (t / PAIRS * (WIDTH / SIDE) + part / SIDE) * TILE + t % PAIRS * SIDE;
            for (int i = 0; i < SIDE; i++) to[2 * i] = one[part + i], to[2 * i + 1] = two[part + i];
        }
    }
}

/* Distances of up to `size` in both directions, as keys; `table` holds the vectors from -(size - 1) on. */
static void pack_table(const bf16 *table, int64_t size, int64_t padded, bf16 *packed) {
    memset(packed, 0, padded * WIDTH * sizeof(bf16));
    for (int64_t n = 0; n < 2 * size - 1; n++) pack_key(table + n * WIDTH, n, packed);
}

static int64_t round_up(int64_t x) { return (x + PAIRS - 1) / PAIRS * PAIRS; }

/* Distance between the logits of two queries: with a power of two, all rows would fall into one set of the cache. */
static int64_t pitch(int64_t padded) { return padded + SIDE; }

#ifdef TILES
/* logits[32][pitch] = q·kᵀ */
static void multiply_keys_in_tiles(const bf16 *query, const bf16 *keys, int64_t padded, float *logits) {
    _tile_loadd(0, query, WIDTH * 2);
    _tile_loadd(1, query + PAIRS, WIDTH * 2);
    _tile_loadd(2, query + SIDE * WIDTH, WIDTH * 2);
    _tile_loadd(3, query + SIDE * WIDTH + PAIRS, WIDTH * 2);
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
static void multiply_keys_in_tiles(const bf16 *query, const bf16 *keys, int64_t padded, float *logits) {}
static void multiply_values_in_tiles(const bf16 *weights, const bf16 *values, int64_t padded, float *sums) {}
#endif

/* The same for `count` queries, in tiles or in vectors. */
static void multiply_keys(const factor *query, int64_t count, const bf16 *keys, int64_t padded, float *logits, int tiled) {
    if (tiled) {
        multiply_keys_in_tiles((const bf16 *)query, keys, padded, logits);
        return;
    }
    for (int64_t first = 0; first < padded; first += OUTPUTS_TOGETHER, keys += 2 * TILE * TILES_TOGETHER)
        multiply_all_rows(count, query, WIDTH, keys, 2 * TILE, TILE, 2, 0, logits + first, pitch(padded));
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

/* Softmax of one query, in place: adds the relative positions; the weights are not divided by their sum, which is returned.
 * by_row[-r] is the term of row r of the keys; by_column likewise. */
static float softmax(float *logits, const float *by_row, const float *by_column, int64_t rows, int64_t columns,
                    int64_t padded, float scale, float *added) {
    vector most = spread(-FLT_MAX), sum = spread(0.f), scales = spread(scale * LOG2_E);
    float across[columns + LANES];
    for (int64_t c = 0; c < columns; c++) across[c] = by_column[-c] * LOG2_E;
    if (2 * columns == LANES && rows % 2 == 0) { /* two rows in a vector, as in windows of 8 with AVX-512 */
        memcpy(across + columns, across, columns * sizeof(float));
        for (int64_t r = 0; r < rows; r += 2) {
            vector down = two_halves(by_row[-r] * LOG2_E, by_row[-r - 1] * LOG2_E);
            most = add_positions(logits + r * columns, scales, down + load(across), most);
        }
    } else if (columns % LANES == 0) { /* whole vectors, as in GOT's grid of 64 */
        for (int64_t r = 0; r < rows; r++) {
            vector down = spread(by_row[-r] * LOG2_E);
            for (int64_t c = 0; c < columns; c += LANES)
                most = add_positions(logits + r * columns + c, scales, down + load(across + c), most);
        }
    } else {
        for (int64_t r = 0; r < rows; r++) {
            float down = by_row[-r] * LOG2_E;
            for (int64_t c = 0; c < columns; c++) added[r * columns + c] = down + across[c];
        }
        for (int64_t t = rows * columns; t < padded; t++) added[t] = -FLT_MAX;
        for (int64_t t = 0; t < padded; t += LANES)
            most = add_positions(logits + t, scales, load(added + t), most);
    }
    for (int64_t t = rows * columns; t < padded; t++) logits[t] = -FLT_MAX;
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

/* Attention in windows of height × width of qkv (tiles, rows, columns, 3, heads, 64).
 *
 * outside (3, heads, 64) are query, key and value of patches beyond the edge. by_row (2 height - 1, 64) and by_column
 * (2 width - 1, 64) are the vectors of distances, from the most negative on. out: (tiles, rows, columns, heads, 64). Returns 0
 * where there is no memory for it.
 */
int attend_grid(const bf16 *qkv, const bf16 *outside, const bf16 *by_row, const bf16 *by_column, bf16 *out, int64_t tiles,
                int64_t rows, int64_t columns, int64_t heads, int64_t height, int64_t width, float scale, int threads) {
    Grid whole = {qkv, outside, rows, columns, heads, height, width, (rows + height - 1) / height, (columns + width - 1) / width};
    const Grid *grid = &whole;
    int64_t tokens = height * width, padded = round_up(tokens), blocks = (tokens + QUERIES - 1) / QUERIES;
    int64_t windows = tiles * grid->down * grid->across, size = padded * WIDTH;
    int64_t distances = round_up(2 * height - 1), distances_across = round_up(2 * width - 1);
    bf16 *tables = aligned_alloc(64, (distances + distances_across + windows * heads * padded * 2) * WIDTH * sizeof(bf16));
    if (tables == NULL) return 0;
    bf16 *table_across = tables + distances * WIDTH, *packed = table_across + distances_across * WIDTH;
    pack_table(by_row, height, distances, tables);
    pack_table(by_column, width, distances_across, table_across);
    int64_t room = QUERIES * (pitch(padded) + pitch(distances) + pitch(distances_across)) + padded;
    int done = 1, tiled = tiles_ready();
#pragma omp parallel num_threads(threads)
    {
        int64_t *places = malloc(tokens * sizeof(int64_t));
        float *logits = aligned_alloc(64, room * sizeof(float)), *down = logits + QUERIES * pitch(padded);
        float *across = down + QUERIES * pitch(distances), *added = across + QUERIES * pitch(distances_across);
        float sums[QUERIES * WIDTH] __attribute__((aligned(64))), totals[QUERIES];
        factor few[QUERIES * WIDTH] __attribute__((aligned(64)));
        int64_t token[QUERIES], at[QUERIES];
        int ready = places != NULL && logits != NULL;
        if (!ready) done = 0;
        Tiles before;
        if (tiled) configure_tiles(&before);
#pragma omp for
        for (int64_t i = 0; i < windows * heads; i++) {
            if (!ready) continue;
            find_places(grid, i / heads, 0, tokens, places);
            pack_keys(grid, places, i % heads, tokens, padded, packed + i * 2 * size);
            pack_values(grid, places, i % heads, tokens, padded, packed + (i * 2 + 1) * size);
        }
#pragma omp for schedule(dynamic)
        for (int64_t task = 0; task < windows * heads * blocks; task++) {
            if (!ready) continue;
            int64_t i = task / blocks, window = i / heads, head = i % heads, first = task % blocks * QUERIES, count = 0;
            int64_t last = first + QUERIES < tokens ? first + QUERIES : tokens;
            find_places(grid, window, first, last - first, places);
            for (int64_t t = first; t < last; t++)
                if (places[t - first] >= 0) at[count] = places[t - first], token[count++] = t;
            if (count == 0) continue;
            const bf16 *keys = packed + i * 2 * size;
            memset(few, 0, sizeof few);
            for (int64_t q = 0; q < count; q++) {
                const bf16 *query = part_of(grid, at[q], 0, head);
                for (int64_t c = 0; c < WIDTH; c++) few[q * WIDTH + c] = to_factor(query[c]);
            }
            multiply_keys(few, count, tables, distances, down, tiled);
            multiply_keys(few, count, table_across, distances_across, across, tiled);
            multiply_keys(few, count, keys, padded, logits, tiled);
            for (int64_t q = 0; q < count; q++) {
                const float *of_row = down + q * pitch(distances) + token[q] / width + height - 1;
                const float *of_column = across + q * pitch(distances_across) + token[q] % width + width - 1;
                totals[q] = softmax(logits + q * pitch(padded), of_row, of_column, height, width, padded, scale, added);
            }
            if (tiled) multiply_values_in_tiles((bf16 *)logits, keys + size, padded, sums);
            else multiply_values(logits, count, keys + size, padded, sums);
            for (int64_t q = 0; q < count; q++)
                for (int c = 0; c < WIDTH; c += 2 * LANES) {
                    vector reciprocal = spread(1.f / totals[q]);
                    put_bf16(out + (at[q] * heads + head) * WIDTH + c, load(sums + q * WIDTH + c) * reciprocal,
                             load(sums + q * WIDTH + c + LANES) * reciprocal);
                }
        }
        if (tiled) restore_tiles(&before);
        free(logits);
        free(places);
    }
    free(tables);
    return done;
}
#else
int attend_grid(void) { return 0; }
#endif
