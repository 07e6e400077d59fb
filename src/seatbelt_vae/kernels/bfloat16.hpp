// Loads and stores of sixteen bfloat16 numbers, converted to and from float32.

#pragma once

#include "lanes.hpp"

namespace {

typedef uint32_t Words __attribute__((vector_size(4 * kLanes), aligned(4)));
typedef uint16_t Halves __attribute__((vector_size(2 * kLanes), aligned(2)));
typedef uint16_t Bfloat16;

INLINE Floats load(const Bfloat16 *from) {
    Halves halves;
    std::memcpy(&halves, from, sizeof halves);
    const Words words = __builtin_convertvector(halves, Words) << 16;
    Floats lanes;
    std::memcpy(&lanes, &words, sizeof lanes);
    return lanes;
}

// Rounds to nearest, ties to even; NaN stays NaN.
INLINE void store(Bfloat16 *to, Floats lanes) {
    Words words;
    std::memcpy(&words, &lanes, sizeof words);
    const Words nearest = (words + 0x7fffu + ((words >> 16) & 1u)) >> 16;
    const Words none = (words >> 16) | 0x40u;
    const Words is_none = -((0x7f800000u - (words & 0x7fffffffu)) >> 31);
    const Halves halves =
        __builtin_convertvector((none & is_none) | (nearest & ~is_none), Halves);
    std::memcpy(to, &halves, sizeof halves);
}

}  // namespace
