// Batch normalisation and the rectifier after it, of rows of channels lying side by side, in float32
// or bfloat16. Four passes over memory do a layer's forward and backward work: statistics, result,
// sums of the gradient, gradient. The rectifier's mask is recomputed, never stored.

#include <algorithm>
#include <cstdint>

#include "bfloat16.hpp"
#include "parts.hpp"

// the fields of Layer in native.py
struct Layer {
    int64_t rows, channels;
    const void *x, *gradient;  // (rows, C)
    void *out;                 // (rows, C)
    // (C) each
    const float *origin, *scale, *shift, *mean, *inverse_deviation;
    const float *mean_gradient, *mean_gradient_times_x;
    double *first, *second;  // (kParts, C): what a part sums to
    float slope;             // of the rectifier below 0
};

namespace {

constexpr int64_t kBlock = 4096;  // numbers summed in float before they are added to a double
constexpr int64_t kAhead = 4096;  // numbers between what is read and what is asked of the memory

struct Group {
    int64_t at, size;  // channels [at, at + size), size at most kLanes
};

// the lanes of a group, those beyond it 0; whole groups are read at once
template <class Number>
INLINE Floats some(const Number *from, int64_t size) {
    if (size == kLanes) return load(from);
    Number padded[kLanes] = {};
    for (int64_t lane = 0; lane < size; ++lane) padded[lane] = from[lane];
    return load(padded);
}

template <class Number>
INLINE void put(Number *to, Floats lanes, int64_t size) {
    if (size == kLanes) return store(to, lanes);
    Number padded[kLanes];
    store(padded, lanes);
    for (int64_t lane = 0; lane < size; ++lane) to[lane] = padded[lane];
}

// add up two numbers of each element over the rows of a part
template <class Terms>
INLINE void sum_rows(const Layer &layer, int64_t part, Terms terms) {
    const auto [first, last] = part_of(layer.rows, part);
    const int64_t channels = layer.channels;
    const int64_t together = std::max<int64_t>(8, kBlock / channels);
    double *one = layer.first + part * channels, *two = layer.second + part * channels;
    std::fill_n(one, channels, 0.);
    std::fill_n(two, channels, 0.);
    for (int64_t row = first; row < last; row += together) {
        const int64_t end = std::min(last, row + together);
        for (int64_t at = 0; at < channels; at += kLanes) {
            const Group group = {at, std::min(kLanes, channels - at)};
            Total sums, others;
            terms(group, row, end, sums, others);
            for (int64_t lane = 0; lane < group.size; ++lane) {
                one[at + lane] += sums[lane];
                two[at + lane] += others[lane];
            }
        }
    }
}

template <class Number>
INLINE void sum_values(const Layer &layer, int64_t part) {
    const Number *x = static_cast<const Number *>(layer.x);
    sum_rows(layer, part, [&](Group group, int64_t row, int64_t end, Total &sums, Total &squares) {
        const Floats origin = some(layer.origin + group.at, group.size);
        for (; row < end; ++row) {
            const Number *at = x + row * layer.channels + group.at;
            __builtin_prefetch(at + kAhead);
            const Floats value = some(at, group.size) - origin;
            sums.add(value);
            squares.add(value * value);
        }
    });
}

template <class Number>
INLINE void normalise(const Layer &layer, int64_t part) {
    const auto [first, last] = part_of(layer.rows, part);
    const Number *x = static_cast<const Number *>(layer.x);
    Number *out = static_cast<Number *>(layer.out);
    for (int64_t row = first; row < last; ++row) {
        for (int64_t at = 0; at < layer.channels; at += kLanes) {
            const int64_t size = std::min(kLanes, layer.channels - at);
            const int64_t place = row * layer.channels + at;
            __builtin_prefetch(x + place + kAhead);
            const Floats value = some(x + place, size) * some(layer.scale + at, size) +
                                 some(layer.shift + at, size);
            put(out + place, if_negative(value, value * layer.slope, value), size);
        }
    }
}

// the gradient behind the rectifier, and the normalised input
template <class Number>
INLINE void behind(const Layer &layer, int64_t row, Group group, Floats &gradient, Floats &normal) {
    const int64_t at = group.at, size = group.size, place = row * layer.channels + at;
    const Number *values = static_cast<const Number *>(layer.x) + place;
    const Number *gradients = static_cast<const Number *>(layer.gradient) + place;
    __builtin_prefetch(values + kAhead);
    __builtin_prefetch(gradients + kAhead);
    const Floats x = some(values, size);
    const Floats value = x * some(layer.scale + at, size) + some(layer.shift + at, size);
    gradient = some(gradients, size);
    // 0 - value, not -value: at 0 the slope is the negative side's
    gradient = if_negative(0 - value, gradient, gradient * layer.slope);
    normal = (x - some(layer.mean + at, size)) * some(layer.inverse_deviation + at, size);
}

template <class Number>
INLINE void sum_gradients(const Layer &layer, int64_t part) {
    sum_rows(layer, part, [&](Group group, int64_t row, int64_t end, Total &sums, Total &others) {
        for (; row < end; ++row) {
            Floats gradient, normal;
            behind<Number>(layer, row, group, gradient, normal);
            sums.add(gradient);
            others.add(gradient * normal);
        }
    });
}

template <class Number>
INLINE void differentiate(const Layer &layer, int64_t part) {
    const auto [first, last] = part_of(layer.rows, part);
    Number *out = static_cast<Number *>(layer.out);
    for (int64_t row = first; row < last; ++row) {
        for (int64_t at = 0; at < layer.channels; at += kLanes) {
            const Group group = {at, std::min(kLanes, layer.channels - at)};
            Floats gradient, normal;
            behind<Number>(layer, row, group, gradient, normal);
            const Floats found =
                some(layer.scale + at, group.size) *
                (gradient - some(layer.mean_gradient + at, group.size) -
                 normal * some(layer.mean_gradient_times_x + at, group.size));
            put(out + row * layer.channels + at, found, group.size);
        }
    }
}

enum Pass : int64_t { kSumValues, kNormalise, kSumGradients, kDifferentiate };

FOR_EACH_PROCESSOR
void pass_in_float32(const Layer &layer, int64_t pass, int64_t part) {
    if (pass == kSumValues) sum_values<float>(layer, part);
    if (pass == kNormalise) normalise<float>(layer, part);
    if (pass == kSumGradients) sum_gradients<float>(layer, part);
    if (pass == kDifferentiate) differentiate<float>(layer, part);
}

FOR_EACH_PROCESSOR
void pass_in_bfloat16(const Layer &layer, int64_t pass, int64_t part) {
    if (pass == kSumValues) sum_values<Bfloat16>(layer, part);
    if (pass == kNormalise) normalise<Bfloat16>(layer, part);
    if (pass == kSumGradients) sum_gradients<Bfloat16>(layer, part);
    if (pass == kDifferentiate) differentiate<Bfloat16>(layer, part);
}

}  // namespace

// One pass over a layer's rows; the fields of the layer that the pass reads and writes must be set.
extern "C" void pass_over(const Layer *layer, int64_t pass, int64_t halves, int64_t threads,
                          Team team) {
    in_parts(threads, team, [=](int64_t, int64_t part) {
        halves ? pass_in_bfloat16(*layer, pass, part) : pass_in_float32(*layer, pass, part);
    });
}

extern "C" int64_t subject_size() { return sizeof(Layer); }
