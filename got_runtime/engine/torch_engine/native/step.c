/* A decoding step without its matrix products, for bfloat16 activations on a CPU.
 *
 * Plain C but for attention: the compiler vectorises it for the machine it runs on. Every function takes contiguous arrays; a
 * bf16 value is the upper half of a float32. `rows` is the number of sequences that are decoded together. All functions are in one file
 * because they share the inline conversions below.
 */
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "vectors.h"

#define WIDTH 64 /* of a head, in every GOT network */
#define BLOCK 16 /* tokens in a block of keys */
#define INFINITY_BITS 0x7F80 /* of a bf16 infinity, without the sign; NaN is greater */

int omp_get_max_threads(void); /* omp.h is not part of every clang */

/* exp for x <= 0: 2^k times a polynomial on [-0.5, 0.5] (relative error 2e-7); below -87 it is 0. */
static inline float exp_negative(float x) {
    float y = x * 1.44269504f, k = rintf(y), f = (y - k) * 0.693147181f;
    float p = 1.f + f * (1.f + f * (0.5f + f * (0.166666667f + f * (0.0416666667f + f * (0.00833333333f + f * 0.00138888889f)))));
    union { int32_t bits; float value; } power = {((int32_t)k + 127) << 23};
    return x < -87.f ? 0.f : p * power.value;
}

/* hidden += delta (delta may be null), then out = hidden / rms(hidden) * weight. */
void add_rms_norm(bf16 *hidden, const bf16 *delta, const bf16 *weight, bf16 *out, int64_t rows, int64_t width, float epsilon) {
#pragma omp parallel for
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

/* Each row as 8-bit integers, and its scale: x = out * scale. */
void quantize_rows(const bf16 *x, int8_t *out, float *scale, int64_t rows, int64_t width) {
#pragma omp parallel for
    for (int64_t r = 0; r < rows; r++) {
        const bf16 *from = x + r * width;
        float largest = 1e-12f;
        for (int64_t i = 0; i < width; i++) largest = fmaxf(largest, fabsf(to_float(from[i])));
        for (int64_t i = 0; i < width; i++) out[r * width + i] = (int8_t)(int32_t)rintf(to_float(from[i]) * (127.f / largest));
        scale[r] = largest / 127.f;
    }
}

/* The result for a row whose logits are not finite: probability NaN. */
static inline void mark_not_finite(int64_t *token, float *probability) {
    const uint32_t nan = 0x7FC00000;
    memcpy(probability, &nan, sizeof nan);
    *token = 0;
}

/* The token with the largest logit of each row, and its softmax probability; NaN where a logit is not finite. Bits are
 * compared to find that, because -ffinite-math-only lets the compiler assume that every float is finite. */
void choose(const bf16 *logits, int64_t *token, float *probability, int64_t rows, int64_t vocabulary) {
#pragma omp parallel for
    for (int64_t r = 0; r < rows; r++) {
        const bf16 *l = logits + r * vocabulary;
        float best = -FLT_MAX, sum = 0.f;
        int32_t largest_bits = 0;
        for (int64_t i = 0; i < vocabulary; i++) {
            largest_bits = (l[i] & 0x7FFF) > largest_bits ? l[i] & 0x7FFF : largest_bits;
            best = fmaxf(best, to_float(l[i]));
        }
        if (largest_bits >= INFINITY_BITS) {
            mark_not_finite(token + r, probability + r);
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

/* One logit, rounded as the bf16 product rounds it. */
static inline float logit(const bf16 *hidden, const bf16 *weight, int64_t width) {
    float sum = 0.f;
    for (int64_t i = 0; i < width; i++) sum += to_float(hidden[i]) * to_float(weight[i]);
    return to_float(to_bf16(sum));
}

/* The upper 16 bits of |x|, which can be compared with INFINITY_BITS. */
static inline int32_t magnitude_bits(float x) {
    union { float value; uint32_t bits; } u = {x};
    return (int32_t)(u.bits >> 16 & 0x7FFF);
}

/* choose() for logits of an 8-bit product: the CANDIDATES tokens with the largest logits are computed again from weight
 * (vocabulary, width), and the best of them is chosen. */
void choose_int8(const float *logits, const bf16 *hidden, const bf16 *weight, int64_t *token, float *probability,
                 int64_t rows, int64_t vocabulary, int64_t width) {
#pragma omp parallel for
    for (int64_t r = 0; r < rows; r++) {
        const float *l = logits + r * vocabulary;
        int64_t kept[CANDIDATES], count = 0, least = 0;
        int32_t largest_bits = 0;
        for (int64_t start = 0; start < vocabulary; start += 4 * BLOCK) {
            int64_t stop = start + 4 * BLOCK < vocabulary ? start + 4 * BLOCK : vocabulary;
            float largest = -FLT_MAX;
            for (int64_t i = start; i < stop; i++) {
                largest_bits = magnitude_bits(l[i]) > largest_bits ? magnitude_bits(l[i]) : largest_bits;
                largest = fmaxf(largest, l[i]);
            }
            if (count == CANDIDATES && largest <= l[kept[least]]) continue;
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
            largest_bits = magnitude_bits(exact[j]) > largest_bits ? magnitude_bits(exact[j]) : largest_bits;
            if (exact[j] > best || (exact[j] == best && kept[j] < token[r])) best = exact[j], token[r] = kept[j];
        }
        if (largest_bits >= INFINITY_BITS) {
            mark_not_finite(token + r, probability + r);
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

/* A vector as integers of at most `limit`; returns their scale: x = out * scale. */
static inline float quantize(const float *x, int16_t *out, int64_t length, float limit) {
    float largest = 1e-12f;
    for (int64_t i = 0; i < length; i++) largest = fmaxf(largest, fabsf(x[i]));
    for (int64_t i = 0; i < length; i++) out[i] = (int16_t)rintf(x[i] * (limit / largest));
    return largest / limit;
}

#ifdef VECTORS
static inline float softmax(float *weight, int64_t length) { /* in place; the values are not divided by the sum, which is returned */
    float best = -FLT_MAX, sum = 0.f;
    for (int64_t t = 0; t < length; t++) best = fmaxf(best, weight[t]);
    for (int64_t t = 0; t < length; t++) sum += weight[t] = exp_negative(weight[t] - best);
    return sum;
}

/* Load into the second-level cache what is read soon, so that arithmetic hides the latency of memory. */
static inline void prefetch(const void *start, int64_t bytes) {
    for (int64_t i = 0; i < bytes; i += 64) __builtin_prefetch((const char *)start + i, 0, 2);
}

/* On processors with matrix tiles all is prefetched. On others (measured on AMD) reading in order is prefetched better by the
 * processor itself, which only needs the start of the next stretch while nothing is read. */
#ifdef TILES
#define prefetch_all prefetch
#define prefetch_start(start)
#else
#define prefetch_all(start, bytes)
#define prefetch_start(start) prefetch(start, 8192)
#endif

#define PARTS (BLOCK / LANES) /* vectors for a block of keys */
#define VALUE_PARTS (WIDTH / LANES)

/* sum + products of LANES pairs with two factors. */
#ifdef __AVX512BF16__
typedef __m512bh factors;
static inline factors pair_of(float low, float high) { /* `high` in the upper half */
    return (factors)_mm512_set1_epi32((int32_t)((uint32_t)to_bf16(high) << 16 | to_bf16(low)));
}
static inline vector add_products(vector sum, const bf16 *pairs, factors pair) {
    return _mm512_dpbf16_ps(sum, (__m512bh)_mm512_loadu_si512(pairs), pair);
}
#else
typedef struct { vector low, high; } factors;
static inline factors pair_of(float low, float high) { return (factors){spread(low), spread(high)}; }
static inline vector add_products(vector sum, const bf16 *pairs, factors pair) {
    return multiply_add(seconds(pairs), pair.high, multiply_add(firsts(pairs), pair.low, sum));
}
#endif

/* Attention of one query over `length` tokens. Keys are stored in blocks of BLOCK tokens, in which pairs of dimensions are
 * adjacent: a vector holds two dimensions of LANES tokens, so no sum over the lanes of a vector is needed. Values are stored in
 * pairs of tokens. `weight` has room for whole blocks. While keys are read, the values are prefetched; while values are
 * read, the keys of the next head (`next`, as many). */
static void attend_bf16(const float *query, const bf16 *key, const bf16 *value, const bf16 *next, int64_t length,
                        float *weight, bf16 *out) {
    factors q[WIDTH / 2];
    for (int64_t i = 0; i < WIDTH / 2; i++) q[i] = pair_of(query[2 * i], query[2 * i + 1]);
    for (int64_t t = 0; t < length; t += BLOCK, key += WIDTH * BLOCK) {
        vector dot[4][PARTS];
        prefetch_all(value + t * WIDTH, BLOCK * WIDTH * sizeof(bf16));
        for (int64_t j = 0; j < 4; j++)
            for (int64_t part = 0; part < PARTS; part++) dot[j][part] = spread(0.f);
        for (int64_t i = 0; i < WIDTH / 2; i += 4)
            for (int64_t j = 0; j < 4; j++)
                for (int64_t part = 0; part < PARTS; part++)
                    dot[j][part] = add_products(dot[j][part], key + ((i + j) * BLOCK + part * LANES) * 2, q[i + j]);
        for (int64_t part = 0; part < PARTS; part++)
            put(weight + t + part * LANES, (dot[0][part] + dot[1][part]) + (dot[2][part] + dot[3][part]));
    }
    prefetch_start(value);
    float sum = softmax(weight, length), flat[WIDTH];
    prefetch_start(next);
    weight[length] = 0.f; /* completes the last pair of tokens */
    vector result[VALUE_PARTS];
    for (int64_t j = 0; j < VALUE_PARTS; j++) result[j] = spread(0.f);
    for (int64_t t = 0; t < length; t += 2) {
        prefetch_all(next + t * WIDTH, 2 * WIDTH * sizeof(bf16));
        factors pair = pair_of(weight[t], weight[t + 1]);
        for (int64_t j = 0; j < VALUE_PARTS; j++)
            result[j] = add_products(result[j], value + t * WIDTH + 2 * j * LANES, pair);
    }
    for (int64_t j = 0; j < VALUE_PARTS; j++) put(flat + j * LANES, result[j]);
    for (int64_t i = 0; i < WIDTH; i++) out[i] = to_bf16(flat[i] / sum);
}

/* sum + products of LANES pairs of bytes with two 16-bit factors. */
#if LANES == 16
typedef __m512i integers;
static inline integers integer_pair(int16_t low, int16_t high) {
    return _mm512_set1_epi32((int32_t)((uint32_t)(uint16_t)high << 16 | (uint16_t)low));
}
static inline integers add_pairs(integers sum, const int8_t *x, integers pair) {
    __m512i pairs = _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)x));
#ifdef __AVX512VNNI__
    return _mm512_dpwssd_epi32(sum, pairs, pair);
#else
    return _mm512_add_epi32(sum, _mm512_madd_epi16(pairs, pair));
#endif
}
static inline integers no_integers(void) { return _mm512_setzero_si512(); }
static inline integers add_integers(integers a, integers b) { return _mm512_add_epi32(a, b); }
static inline vector to_floats(integers x) { return _mm512_cvtepi32_ps(x); }
#else
typedef __m256i integers;
static inline integers integer_pair(int16_t low, int16_t high) {
    return _mm256_set1_epi32((int32_t)((uint32_t)(uint16_t)high << 16 | (uint16_t)low));
}
static inline integers add_pairs(integers sum, const int8_t *x, integers pair) {
    __m256i pairs = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)x));
    return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, pair));
}
static inline integers no_integers(void) { return _mm256_setzero_si256(); }
static inline integers add_integers(integers a, integers b) { return _mm256_add_epi32(a, b); }
static inline vector to_floats(integers x) { return _mm256_cvtepi32_ps(x); }
#endif

#define CHUNK 256 /* products of 7-bit values and 15-bit weights whose sum fits an int32 */

/* The same for 8-bit keys and values with a scale for each token. Query and weights are quantized to 16-bit integers, which are
 * more precise than bf16. */
static void attend_int8(const float *query, const int8_t *key, const int8_t *value, const int8_t *next,
                        const float *key_scale, const float *value_scale, int64_t length, float *weight, bf16 *out) {
    int16_t q[WIDTH], w[CHUNK];
    float scale = quantize(query, q, WIDTH, 32767.f), flat[WIDTH];
    integers pair[WIDTH / 2];
    for (int64_t i = 0; i < WIDTH / 2; i++) pair[i] = integer_pair(q[2 * i], q[2 * i + 1]);
    for (int64_t t = 0; t < length; t += BLOCK, key += WIDTH * BLOCK) {
        integers dot[4][PARTS];
        prefetch_all(value + t * WIDTH, BLOCK * WIDTH);
        for (int64_t j = 0; j < 4; j++)
            for (int64_t part = 0; part < PARTS; part++) dot[j][part] = no_integers();
        for (int64_t i = 0; i < WIDTH / 2; i += 4)
            for (int64_t j = 0; j < 4; j++)
                for (int64_t part = 0; part < PARTS; part++)
                    dot[j][part] = add_pairs(dot[j][part], key + ((i + j) * BLOCK + part * LANES) * 2, pair[i + j]);
        for (int64_t part = 0; part < PARTS; part++) {
            integers both = add_integers(dot[0][part], dot[1][part]), others = add_integers(dot[2][part], dot[3][part]);
            vector scales = load(key_scale + t + part * LANES) * spread(scale);
            put(weight + t + part * LANES, to_floats(add_integers(both, others)) * scales);
        }
    }
    prefetch_start(value);
    float sum = softmax(weight, length);
    prefetch_start(next);
    for (int64_t t = 0; t < length; t++) weight[t] *= value_scale[t];
    weight[length] = 0.f; /* completes the last pair of tokens */
    vector result[VALUE_PARTS];
    for (int64_t j = 0; j < VALUE_PARTS; j++) result[j] = spread(0.f);
    for (int64_t start = 0; start < length; start += CHUNK) {
        int64_t count = length - start < CHUNK ? length - start + (length & 1) : CHUNK;
        scale = quantize(weight + start, w, count, 32767.f);
        integers part[VALUE_PARTS];
        for (int64_t j = 0; j < VALUE_PARTS; j++) part[j] = no_integers();
        for (int64_t t = 0; t < count; t += 2) {
            prefetch_all(next + (start + t) * WIDTH, 2 * WIDTH);
            integers weights = integer_pair(w[t], w[t + 1]);
            for (int64_t j = 0; j < VALUE_PARTS; j++)
                part[j] = add_pairs(part[j], value + (start + t) * WIDTH + 2 * j * LANES, weights);
        }
        for (int64_t j = 0; j < VALUE_PARTS; j++) result[j] = multiply_add(to_floats(part[j]), spread(scale), result[j]);
    }
    for (int64_t j = 0; j < VALUE_PARTS; j++) put(flat + j * LANES, result[j]);
    for (int64_t i = 0; i < WIDTH; i++) out[i] = to_bf16(flat[i] / sum);
}

/* The KV cache of one sequence: `length` tokens are in it, and each layer has room for `capacity` (a multiple of BLOCK). Keys
 * are (layers, key_heads, capacity / 16, 32, 16, 2), values (layers, key_heads, capacity / 2, 64, 2), in bf16 or int8; the
 * scales of int8 are (layers, key_heads, capacity). */
typedef struct {
    void *keys, *values;
    float *key_scales, *value_scales; /* null in bf16 */
    int64_t capacity, length;
} Sequence;

/* Append one token to the keys and values of one head, whose first token is at index `first` of all tokens of all heads. */
static void store(const Sequence *sequence, int64_t first, const float *key, const float *value) {
    int64_t n = sequence->length, block = (first + n - n % BLOCK) * WIDTH, lane = n % BLOCK;
    if (sequence->key_scales) {
        int8_t *k = (int8_t *)sequence->keys + block;
        int8_t *v = (int8_t *)sequence->values + (first + n - n % 2) * WIDTH + n % 2;
        int16_t quantized[WIDTH];
        sequence->key_scales[first + n] = quantize(key, quantized, WIDTH, 127.f);
        for (int64_t i = 0; i < WIDTH; i++) k[(i / 2 * BLOCK + lane) * 2 + i % 2] = (int8_t)quantized[i];
        sequence->value_scales[first + n] = quantize(value, quantized, WIDTH, 127.f);
        for (int64_t i = 0; i < WIDTH; i++) v[2 * i] = (int8_t)quantized[i];
    } else {
        bf16 *k = (bf16 *)sequence->keys + block, *v = (bf16 *)sequence->values + (first + n - n % 2) * WIDTH + n % 2;
        for (int64_t i = 0; i < WIDTH; i++) k[(i / 2 * BLOCK + lane) * 2 + i % 2] = to_bf16(key[i]);
        for (int64_t i = 0; i < WIDTH; i++) v[2 * i] = to_bf16(value[i]);
    }
}

/* One layer of one step: rotate the new queries and keys, store the new keys and values, attend.
 * qkv (count, (heads + 2 key_heads) * 64); cosine, sine (count, 64); out (count, heads * 64). */
void attend_step(const bf16 *qkv, const float *cosine, const float *sine, const Sequence *sequences, bf16 *out,
                 int64_t count, int64_t heads, int64_t key_heads, int64_t layer) {
    int64_t group = heads / key_heads, columns = (heads + 2 * key_heads) * WIDTH, longest = 0;
    /* A thread takes up to 8 consecutive heads, if there are enough for all threads, to prefetch the next one's keys. */
    int64_t available = count * key_heads / (2 * omp_get_max_threads());
    int64_t chunk = available < 1 ? 1 : available < 8 ? available : 8;
    for (int64_t s = 0; s < count; s++) longest = sequences[s].capacity > longest ? sequences[s].capacity : longest;
#pragma omp parallel
    {
        float *weight = malloc(sizeof(float) * (size_t)(longest + BLOCK));
#pragma omp for schedule(dynamic, chunk)
        for (int64_t item = 0; item < count * key_heads; item++) {
            int64_t s = item / key_heads, h = item % key_heads;
            const Sequence *sequence = sequences + s;
            int64_t n = sequence->length + 1, first = (layer * key_heads + h) * sequence->capacity, at = first * WIDTH;
            /* The next head of this thread; this head where the thread has no next one. */
            int64_t next = (item + 1) % chunk && h + 1 < key_heads ? at + sequence->capacity * WIDTH : at;
            const bf16 *new = qkv + s * columns;
            float key[WIDTH], value[WIDTH], query[WIDTH];
            rotate(new + (heads + h) * WIDTH, cosine + s * WIDTH, sine + s * WIDTH, key);
            for (int64_t i = 0; i < WIDTH; i++) value[i] = to_float(new[(heads + key_heads + h) * WIDTH + i]);
            store(sequence, first, key, value);
            for (int64_t head = h * group; head < (h + 1) * group; head++) {
                rotate(new + head * WIDTH, cosine + s * WIDTH, sine + s * WIDTH, query);
                for (int64_t i = 0; i < WIDTH; i++) query[i] *= 1.f / sqrtf((float)WIDTH);
                bf16 *to = out + (s * heads + head) * WIDTH;
                if (sequence->key_scales) {
                    const int8_t *keys = sequence->keys, *values = sequence->values;
                    attend_int8(query, keys + at, values + at, keys + next, sequence->key_scales + first,
                                sequence->value_scales + first, n, weight, to);
                } else {
                    const bf16 *keys = sequence->keys, *values = sequence->values;
                    attend_bf16(query, keys + at, values + at, keys + next, n, weight, to);
                }
            }
        }
        free(weight);
    }
}
#else
void attend_step(void) {}
#endif
