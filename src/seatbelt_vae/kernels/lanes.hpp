// Vectors of sixteen float32 numbers: one register with AVX-512, two with AVX2.

#pragma once

#include <cstdint>
#include <cstring>

#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__)
// one binary for all processors: the widest supported clone is chosen when the library is loaded
#define FOR_EACH_PROCESSOR \
    __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define FOR_EACH_PROCESSOR
#endif
// A function or a lambda that is not inlined would be compiled for the least processor only.
#define INLINED __attribute__((always_inline))
#define INLINE inline INLINED

namespace {

constexpr int64_t kLanes = 16;

typedef float Floats __attribute__((vector_size(4 * kLanes), aligned(4)));
typedef int32_t Ints __attribute__((vector_size(4 * kLanes), aligned(4)));
typedef float Half __attribute__((vector_size(2 * kLanes)));

INLINE Floats load(const float *from) {
    Floats lanes;
    std::memcpy(&lanes, from, sizeof lanes);
    return lanes;
}

INLINE void store(float *to, Floats lanes) {
    Half halves[2];
    std::memcpy(halves, &lanes, sizeof lanes);
    std::memcpy(to, &halves[0], sizeof(Half));
    std::memcpy(to + kLanes / 2, &halves[1], sizeof(Half));
}

// Whether a register holds a whole vector. If not, sums that a loop carries must be halves: the
// compiler would keep a wider vector in memory, and every addition would wait for the last store.
inline bool whole_registers() {
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512f");
#else
    return false;
#endif
}
const bool kWholeRegisters = whole_registers();

template <class Vector>
constexpr int64_t lanes_of = sizeof(Vector) / sizeof(float);

template <class Vector>
INLINE Vector load_as(const float *from) {
    Vector lanes;
    std::memcpy(&lanes, from, sizeof lanes);
    return lanes;
}

template <class Vector>
INLINE void store_as(float *to, Vector lanes) {
    std::memcpy(to, &lanes, sizeof lanes);
}

// Selects by the sign of a number. A comparison of vectors wider than a register is computed lane by
// lane, which is slow; shifts and masks are not.
INLINE Floats if_negative(Floats number, Floats one, Floats other) {
    Ints sign, first, second;
    std::memcpy(&sign, &number, sizeof sign);
    std::memcpy(&first, &one, sizeof first);
    std::memcpy(&second, &other, sizeof second);
    sign >>= 31;  // all bits are the sign bit
    first = (first & sign) | (second & ~sign);
    std::memcpy(&one, &first, sizeof one);
    return one;
}

// A running sum of halves, which stay in registers, see `whole_registers`.
struct Total {
    Half low = {}, high = {};

    INLINE void add(Floats lanes) {
        Half halves[2];
        std::memcpy(halves, &lanes, sizeof lanes);
        low += halves[0];
        high += halves[1];
    }

    INLINE float operator[](int64_t lane) const {
        return lane < kLanes / 2 ? low[lane] : high[lane - kLanes / 2];
    }

    INLINE float sum() const {
        const Half both = low + high;
        float total = 0;
        for (int lane = 0; lane < kLanes / 2; ++lane) total += both[lane];
        return total;
    }
};

}  // namespace
