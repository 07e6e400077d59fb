// The exponential of sixteen numbers at once.

#pragma once

#include "lanes.hpp"

namespace {

constexpr float kLowest = -126.f;  // 2 to a lower power is subnormal
constexpr float kMost = 80.f;      // exp of this is finite
constexpr float kLog2E = 1.44269504088896341f;

// 2^t to one unit in the last place: the integer part of t goes into the exponent bits, and a minimax
// polynomial gives the rest, in [-1/2, 1/2]
INLINE Floats exp2_of(Floats t) {
    t = if_negative(t - kLowest, Floats{} + kLowest, t);
    const Floats shifted = t + 12582912.f;  // 1.5 * 2^23: the sum's last bits are the integer part
    const Floats rest = t - (shifted - 12582912.f);
    Floats power = rest * 1.53533618e-4f + 1.33988745e-3f;
    power = power * rest + 9.61843736e-3f;
    power = power * rest + 5.55033247e-2f;
    power = power * rest + 2.40226479e-1f;
    power = power * rest + 6.93147203e-1f;
    power = power * rest + 1.0f;
    Ints bits, exponent;
    std::memcpy(&bits, &power, sizeof bits);
    std::memcpy(&exponent, &shifted, sizeof exponent);
    bits += exponent << 23;
    std::memcpy(&power, &bits, sizeof power);
    return power;
}

INLINE Floats exp_of(Floats x) { return exp2_of(x * kLog2E); }

// exp(x), or exp(kMost) for a larger x: a component of weight 0 may lie nearer than all others, and 0
// times its exponential must be 0
INLINE Floats finite_exp_of(Floats x) {
    return exp_of(if_negative(x - kMost, x, Floats{} + kMost));
}

}  // namespace
