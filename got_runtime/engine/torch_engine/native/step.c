/* One decoding step between the matrix products, for bfloat16 activations on a CPU.
 *
 * Plain C: the compiler vectorises it for the machine it runs on. Every function takes contiguous arrays; bf16 values
 * are the upper halves of float32. `rows` are the sequences being decoded, each with its own length.
 */
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH 64 /* of a head, in every GOT network */
#define LANES 16 /* tokens to a block of keys */
#define INFINITE 0x7F80 /* bits of a bf16, but for its sign; beyond it lies NaN */

int omp_get_max_threads(void); /* omp.h does not come with every clang */

typedef uint16_t bf16;
typedef float floats __attribute__((vector_size(LANES * 4)));
typedef int32_t integers __attribute__((vector_size(LANES * 4)));

static inline float to_float(bf16 x) {
    union { uint32_t bits; float value; } u = {(uint32_t)x << 16};
    return u.value;
}

/* load_bf16: LANES values as floats. add_pairs: sum[i] += x[2i] * low + x[2i+1] * high, in integers. */
#ifdef __AVX512VNNI__ /* what gcc 12 does not find by itself */
#include <immintrin.h>
static inline floats load_bf16(const bf16 *x) {
    return (floats)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)x)), 16);
}
static inline integers add_pairs(integers sum, const int8_t *x, int16_t low, int16_t high) {
    __m512i factors = _mm512_set1_epi32((int32_t)((uint32_t)(uint16_t)high << 16 | (uint16_t)low));
    __m512i pairs = _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)x));
    return (integers)_mm512_dpwssd_epi32((__m512i)sum, pairs, factors);
}
#else
static inline floats load_bf16(const bf16 *x) {
    floats f;
    for (int i = 0; i < LANES; i++) f[i] = to_float(x[i]);
    return f;
}
static inline integers add_pairs(integers sum, const int8_t *x, int16_t low, int16_t high) {
    for (int i = 0; i < LANES; i++) sum[i] += x[2 * i] * low + x[2 * i + 1] * high;
    return sum;
}
#endif

static inline bf16 to_bf16(float x) { /* round to nearest, ties to even */
    union { float value; uint32_t bits; } u = {x};
    return (bf16)((u.bits + 0x7FFF + ((u.bits >> 16) & 1)) >> 16);
}

/* exp for x <= 0: 2^k times a polynomial on [-0.5, 0.5] (relative error 2e-7); below -87 it is 0. */
static inline float exp_negative(float x) {
    float y = x * 1.44269504f, k = rintf(y), f = (y - k) * 0.693147181f;
    float p = 1.f + f * (1.f + f * (0.5f + f * (0.166666667f + f * (0.0416666667f + f * (0.00833333333f + f * 0.00138888889f)))));
    union { int32_t bits; float value; } power = {((int32_t)k + 127) << 23};
    return x < -87.f ? 0.f : p * power.value;
}

/* hidden += delta (delta may be null), then out = hidden / rms(hidden) * weight. */
void add_rms_norm(bf16 *hidden, const bf16 *delta, const bf16 *weight, bf16 *out, int64_t rows, int64_t width, float epsilon) {
    for (int64_t r = 0; r < rows; r++) {
        bf16 *h = hidden + r * width, *o = out + r * width;
        float square = 0.f;
        for (int64_t i = 0; i < width; i++) {
            if (delta) h[i] = to_bf16(to_float(h[i]) + to_float(delta[r * width + i]));
            square += to_float(h[i]) * to_float(h[i]);
        }
        float scale = 1.f / sqrtf(square / width + epsilon);
        for (int64_t i = 0; i < width; i++) o[i] = to_bf16(to_float(to_bf16(to_float(h[i]) * scale)) * to_float(weight[i]));
    }
}

/* out = silu(gate) * up, where each row of gate_up holds `width` gates, then `width` ups. */
void silu_mul(const bf16 *gate_up, bf16 *out, int64_t rows, int64_t width) {
#pragma omp parallel for
    for (int64_t r = 0; r < rows; r++) {
        const bf16 *gate = gate_up + 2 * r * width, *up = gate + width;
        for (int64_t i = 0; i < width; i++) {
            float g = to_float(gate[i]), e = exp_negative(-fabsf(g));
            float sigmoid = (g >= 0.f ? 1.f : e) / (1.f + e);
            out[r * width + i] = to_bf16(to_float(to_bf16(g * sigmoid)) * to_float(up[i]));
        }
    }
}

/* Each row as 8-bit integers, and what one of them is worth in it. */
void round_rows(const bf16 *x, int8_t *out, float *unit, int64_t rows, int64_t width) {
    for (int64_t r = 0; r < rows; r++, x += width, out += width) {
        float greatest = 1e-12f;
        for (int64_t i = 0; i < width; i++) greatest = fmaxf(greatest, fabsf(to_float(x[i])));
        for (int64_t i = 0; i < width; i++) out[i] = (int8_t)(int32_t)rintf(to_float(x[i]) * (127.f / greatest));
        unit[r] = greatest / 127.f;
    }
}

/* A row whose logits are not finite has no likeliest token. */
static inline void give_up(int64_t *token, float *probability) {
    const uint32_t nan = 0x7FC00000;
    memcpy(probability, &nan, sizeof nan);
    *token = 0;
}

/* The greatest entry of each row of logits, and the probability softmax gives it; NaN where a logit is not finite, which
 * is told by its bits, since -ffinite-math-only lets the compiler take every float for finite. */
void choose(const bf16 *logits, int64_t *token, float *probability, int64_t rows, int64_t vocabulary) {
#pragma omp parallel for
    for (int64_t r = 0; r < rows; r++) {
        const bf16 *l = logits + r * vocabulary;
        float best = -FLT_MAX, sum = 0.f;
        int32_t size = 0;
        for (int64_t i = 0; i < vocabulary; i++) {
            size = (l[i] & 0x7FFF) > size ? l[i] & 0x7FFF : size;
            best = fmaxf(best, to_float(l[i]));
        }
        if (size >= INFINITE) {
            give_up(token + r, probability + r);
            continue;
        }
        for (int64_t i = 0; i < vocabulary; i++) sum += exp_negative(to_float(l[i]) - best);
        int64_t at = 0;
        while (at + 1 < vocabulary && to_float(l[at]) != best) at++;
        token[r] = at;
        probability[r] = 1.f / sum;
    }
}

#define CANDIDATES 16

/* The logit as a bf16 product gives it. */
static inline float logit(const bf16 *hidden, const bf16 *weight, int64_t width) {
    float sum = 0.f;
    for (int64_t i = 0; i < width; i++) sum += to_float(hidden[i]) * to_float(weight[i]);
    return to_float(to_bf16(sum));
}

/* The upper half of the size of x, which tells infinities and NaN as it does for a bf16. */
static inline int32_t size_of(float x) {
    union { float value; uint32_t bits; } u = {x};
    return (int32_t)(u.bits >> 16 & 0x7FFF);
}

/* choose() for logits whose product was rounded to 8 bits: the likeliest CANDIDATES are computed again
 * from weight (vocabulary, width), and the choice is made between them. */
void choose_again(const float *logits, const bf16 *hidden, const bf16 *weight, int64_t *token, float *probability,
                  int64_t rows, int64_t vocabulary, int64_t width) {
#pragma omp parallel for
    for (int64_t r = 0; r < rows; r++) {
        const float *l = logits + r * vocabulary;
        int64_t kept[CANDIDATES], count = 0, least = 0;
        int32_t size = 0;
        for (int64_t start = 0; start < vocabulary; start += 4 * LANES) {
            int64_t stop = start + 4 * LANES < vocabulary ? start + 4 * LANES : vocabulary;
            float greatest = -FLT_MAX;
            for (int64_t i = start; i < stop; i++) {
                size = size_of(l[i]) > size ? size_of(l[i]) : size;
                greatest = fmaxf(greatest, l[i]);
            }
            if (count == CANDIDATES && greatest <= l[kept[least]]) continue;
            for (int64_t i = start; i < stop; i++) {
                if (count < CANDIDATES) kept[count++] = i;
                else if (l[i] > l[kept[least]]) kept[least] = i;
                else continue;
                for (int64_t j = least = 0; j < count; j++)
                    if (l[kept[j]] < l[kept[least]]) least = j;
            }
        }
        float exact[CANDIDATES], best = -FLT_MAX, sum = 0.f;
        token[r] = vocabulary;
        for (int64_t j = 0; j < count; j++) {
            exact[j] = logit(hidden + r * width, weight + kept[j] * width, width);
            size = size_of(exact[j]) > size ? size_of(exact[j]) : size;
            if (exact[j] > best || (exact[j] == best && kept[j] < token[r])) best = exact[j], token[r] = kept[j];
        }
        if (size >= INFINITE) {
            give_up(token + r, probability + r);
            continue;
        }
        for (int64_t i = 0; i < vocabulary; i++) sum += exp_negative(fminf(l[i] - best, 0.f));
        for (int64_t j = 0; j < count; j++)
            sum += exp_negative(exact[j] - best) - exp_negative(fminf(l[kept[j]] - best, 0.f));
        probability[r] = 1.f / fmaxf(sum, 1.f);
    }
}

static inline void rotate(const bf16 *x, const float *cosine, const float *sine, float *out) {
    int64_t half = WIDTH / 2;
    for (int64_t i = 0; i < half; i++) {
        float a = to_float(x[i]), b = to_float(x[i + half]);
        out[i] = a * cosine[i] - b * sine[i];
        out[i + half] = b * cosine[i + half] + a * sine[i + half];
    }
}

/* A vector as integers of at most `limit`; returns what one of them is worth. */
static inline float quantise(const float *x, int16_t *out, int64_t length, float limit) {
    float greatest = 1e-12f;
    for (int64_t i = 0; i < length; i++) greatest = fmaxf(greatest, fabsf(x[i]));
    for (int64_t i = 0; i < length; i++) out[i] = (int16_t)rintf(x[i] * (limit / greatest));
    return greatest / limit;
}

static inline float softmax(float *weight, int64_t length) { /* in place, not divided by the sum it returns */
    float best = -FLT_MAX, sum = 0.f;
    for (int64_t t = 0; t < length; t++) best = fmaxf(best, weight[t]);
    for (int64_t t = 0; t < length; t++) sum += weight[t] = exp_negative(weight[t] - best);
    return sum;
}

/* Into the second-level cache what is read soon: arithmetic on one half of a head then hides the way of the other. */
static inline void fetch(const void *from, int64_t bytes) {
    for (int64_t i = 0; i < bytes; i += 64) __builtin_prefetch((const char *)from + i, 0, 2);
}

/* Attention of one query over `length` tokens. Keys lie in blocks of LANES tokens, transposed, so that a vector holds
 * one dimension of LANES tokens and no sum over lanes is needed. `weight` has room for whole blocks. The keys of the next
 * head, which are as many, are fetched along with the values; the values, along with the keys. */
static void attend_bf16(const float *query, const bf16 *key, const bf16 *value, const bf16 *next, int64_t length,
                        float *weight, bf16 *out) {
    for (int64_t t = 0; t < length; t += LANES, key += WIDTH * LANES) {
        floats dot[4] = {0};
        fetch(value + t * WIDTH, LANES * WIDTH * sizeof(bf16));
        for (int64_t i = 0; i < WIDTH; i += 4)
            for (int64_t j = 0; j < 4; j++) dot[j] += query[i + j] * load_bf16(key + (i + j) * LANES);
        dot[0] = (dot[0] + dot[1]) + (dot[2] + dot[3]);
        memcpy(weight + t, dot, sizeof(floats));
    }
    float sum = softmax(weight, length);
    floats result[WIDTH / LANES] = {0};
    for (int64_t t = 0; t < length; t++) {
        fetch(next + t * WIDTH, WIDTH * sizeof(bf16));
        for (int64_t j = 0; j < WIDTH / LANES; j++) result[j] += weight[t] * load_bf16(value + t * WIDTH + j * LANES);
    }
    const float *flat = (const float *)result;
    for (int64_t i = 0; i < WIDTH; i++) out[i] = to_bf16(flat[i] / sum);
}

#define CHUNK 256 /* values of 7 bits times weights of 15 bits: this many fit an int32 */

/* The same over 8-bit keys and values with a scale for each token. Neighbours lie side by side: pairs of dimensions in a
 * block of keys, pairs of tokens in the values. Query and weights become 16-bit integers, finer than any bf16. */
static void attend_int8(const float *query, const int8_t *key, const int8_t *value, const int8_t *next,
                        const float *key_scale, const float *value_scale, int64_t length, float *weight, bf16 *out) {
    int16_t q[WIDTH], w[CHUNK];
    float unit = quantise(query, q, WIDTH, 32767.f), result[WIDTH] = {0};
    for (int64_t t = 0; t < length; t += LANES, key += WIDTH * LANES) {
        integers dot[4] = {0};
        fetch(value + t * WIDTH, LANES * WIDTH);
        for (int64_t i = 0; i < WIDTH; i += 8)
            for (int64_t j = 0; j < 4; j++)
                dot[j] = add_pairs(dot[j], key + (i + 2 * j) * LANES, q[i + 2 * j], q[i + 2 * j + 1]);
        dot[0] = (dot[0] + dot[1]) + (dot[2] + dot[3]);
        for (int64_t i = 0; i < LANES; i++) weight[t + i] = (float)dot[0][i] * unit * key_scale[t + i];
    }
    float sum = softmax(weight, length);
    for (int64_t t = 0; t < length; t++) weight[t] *= value_scale[t];
    weight[length] = 0.f; /* the other half of the last pair */
    for (int64_t start = 0; start < length; start += CHUNK) {
        int64_t count = length - start < CHUNK ? length - start + (length & 1) : CHUNK;
        unit = quantise(weight + start, w, count, 32767.f);
        integers part[WIDTH / LANES] = {0};
        for (int64_t t = 0; t < count; t += 2) {
            fetch(next + (start + t) * WIDTH, 2 * WIDTH);
            for (int64_t j = 0; j < WIDTH / LANES; j++)
                part[j] = add_pairs(part[j], value + (start + t) * WIDTH + 2 * j * LANES, w[t], w[t + 1]);
        }
        const int32_t *flat = (const int32_t *)part;
        for (int64_t i = 0; i < WIDTH; i++) result[i] += (float)flat[i] * unit;
    }
    for (int64_t i = 0; i < WIDTH; i++) out[i] = to_bf16(result[i] / sum);
}

/* One row being decoded: its own cache, `length` tokens in it, room for `capacity` (a multiple of LANES) in each layer. In
 * bf16 keys are (layers, key_heads, capacity / 16, 64, 16) and values (layers, key_heads, capacity, 64); in int8, with
 * scales (layers, key_heads, capacity), keys are (…, capacity / 16, 32, 16, 2) and values (…, capacity / 2, 64, 2). */
typedef struct {
    void *keys, *values;
    float *key_scales, *value_scales; /* null in bf16 */
    int64_t capacity, length;
} Row;

static void store(const Row *row, int64_t place, const float *key, const float *value) {
    int64_t n = row->length, block = (place + n - n % LANES) * WIDTH, lane = n % LANES;
    if (row->key_scales) {
        int8_t *k = (int8_t *)row->keys + block, *v = (int8_t *)row->values + (place + n - n % 2) * WIDTH + n % 2;
        int16_t small[WIDTH];
        row->key_scales[place + n] = quantise(key, small, WIDTH, 127.f);
        for (int64_t i = 0; i < WIDTH; i++) k[(i / 2 * LANES + lane) * 2 + i % 2] = (int8_t)small[i];
        row->value_scales[place + n] = quantise(value, small, WIDTH, 127.f);
        for (int64_t i = 0; i < WIDTH; i++) v[2 * i] = (int8_t)small[i];
    } else {
        bf16 *k = (bf16 *)row->keys + block + lane, *v = (bf16 *)row->values + (place + n) * WIDTH;
        for (int64_t i = 0; i < WIDTH; i++) k[i * LANES] = to_bf16(key[i]);
        for (int64_t i = 0; i < WIDTH; i++) v[i] = to_bf16(value[i]);
    }
}

/* One layer of one step: rotate the new queries and keys, store the new keys and values, attend.
 * qkv (count, (heads + 2 key_heads) * 64); cosine, sine (count, 64); out (count, heads * 64). */
void attend_step(const bf16 *qkv, const float *cosine, const float *sine, const Row *rows, bf16 *out, int64_t count,
                 int64_t heads, int64_t key_heads, int64_t layer) {
    int64_t group = heads / key_heads, columns = (heads + 2 * key_heads) * WIDTH, longest = 0;
    /* Several heads in a row, where there are enough for all threads: the next one's keys can then be fetched. */
    int64_t share = count * key_heads / (2 * omp_get_max_threads()), chunk = share < 1 ? 1 : share < 8 ? share : 8;
    for (int64_t r = 0; r < count; r++) longest = rows[r].capacity > longest ? rows[r].capacity : longest;
#pragma omp parallel
    {
        float *weight = malloc(sizeof(float) * (size_t)(longest + LANES));
#pragma omp for schedule(dynamic, chunk)
        for (int64_t item = 0; item < count * key_heads; item++) {
            int64_t r = item / key_heads, h = item % key_heads;
            const Row *row = rows + r;
            int64_t n = row->length + 1, place = (layer * key_heads + h) * row->capacity, at = place * WIDTH;
            int64_t next = (item + 1) % chunk && h + 1 < key_heads ? at + row->capacity * WIDTH : at; /* of this thread */
            const bf16 *new = qkv + r * columns;
            float key[WIDTH], value[WIDTH], query[WIDTH];
            rotate(new + (heads + h) * WIDTH, cosine + r * WIDTH, sine + r * WIDTH, key);
            for (int64_t i = 0; i < WIDTH; i++) value[i] = to_float(new[(heads + key_heads + h) * WIDTH + i]);
            store(row, place, key, value);
            for (int64_t head = h * group; head < (h + 1) * group; head++) {
                rotate(new + head * WIDTH, cosine + r * WIDTH, sine + r * WIDTH, query);
                for (int64_t i = 0; i < WIDTH; i++) query[i] *= 1.f / sqrtf((float)WIDTH);
                bf16 *to = out + (r * heads + head) * WIDTH;
                if (row->key_scales)
                    attend_int8(query, (int8_t *)row->keys + at, (int8_t *)row->values + at, (int8_t *)row->keys + next,
                                row->key_scales + place, row->value_scales + place, n, weight, to);
                else
                    attend_bf16(query, (bf16 *)row->keys + at, (bf16 *)row->values + at, (bf16 *)row->keys + next, n,
                                weight, to);
            }
        }
        free(weight);
    }
}
