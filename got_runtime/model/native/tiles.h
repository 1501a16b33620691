/* Matrix tiles (AMX): eight of them, each 16 rows of 64 bytes. TILES is defined where the CPU has them. */
#pragma once
#include <stdint.h>

typedef uint16_t bf16;

#define SIDE 16 /* rows of a tile, and its columns of 32 bits */

#if defined(__AMX_BF16__) && defined(__AMX_INT8__)
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TILES
#define REQUEST_PERMISSION 0x1023
#define TILE_DATA 18

typedef struct {
    uint8_t palette, start_row, reserved[14];
    uint16_t bytes[16];
    uint8_t rows[16];
} __attribute__((aligned(64))) Tiles;

/* Requests permission to use tiles, as Linux requires; 0 where the kernel or the CPU has none. */
int tiles_ready(void) { return syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0; }

/* The intrinsics for configurations declare only the first eight bytes to the compiler; this declares the others. */
static inline void touch(const Tiles *whole) { __asm__ volatile("" ::"r"(whole) : "memory"); }

/* Configure whole tiles. `before` is for restore_tiles(), because oneDNN assumes that its own configuration is kept. */
static inline void configure_tiles(Tiles *before) {
    Tiles ours = {.palette = 1};
    for (int tile = 0; tile < 8; tile++) ours.rows[tile] = SIDE, ours.bytes[tile] = 64;
    _tile_storeconfig(before);
    touch(before);
    touch(&ours);
    _tile_loadconfig(&ours);
}

static inline void restore_tiles(const Tiles *before) {
    touch(before);
    _tile_loadconfig(before);
}
#else
typedef struct { char nothing; } Tiles;
int tiles_ready(void) { return 0; }
static inline void configure_tiles(Tiles *before) {}
static inline void restore_tiles(const Tiles *before) {}
#endif
