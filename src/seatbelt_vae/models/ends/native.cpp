// The layers next to the image, each in one with its batch normalisation and rectifier: a
// convolution 4×4 of stride 2 from few colours, and its adjoint back to them. What stands between
// convolution and normalisation is recomputed row by row and never stored: it is the largest tensor
// of a step, and memory is what a step waits for.
//
// A patch is the 4×4 pixels a position sees, (row, column, colour). Images lie colours last, of
// height 2h and width 2w; features lie features last, (h, w, F), F a multiple of kLanes.

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "bfloat16.hpp"
#include "parts.hpp"
#include "products.hpp"

// the fields of Ends in native.py
struct Ends {
    int64_t images, height, width;  // the features' h and w
    int64_t colours, features, scratch_size;
    float *image;         // (images, 2h, 2w, colours): read, or written by the passes to an image
    const void *values;   // (images, h, w, F): what is normalised, or the gradient of kFeatures
    const void *result;   // (images, h, w, F): what kFeatures gave
    void *out;            // (images, h, w, F)
    const float *weight;  // (taps of a patch, F); for the passes to an image (F, taps)
    // (F) each
    const float *scale, *shift, *mean, *inverse_deviation;
    const float *mean_gradient, *mean_gradient_times_x;
    double *first, *second;  // what a part sums to
    float *scratch;          // (threads, scratch_size)
    float origin;            // subtracted from every pixel, those around the image too
    float slope;             // of the rectifier below 0
};

namespace {

INLINE int64_t taps_of(const Ends &ends) { return 16 * ends.colours; }
INLINE int64_t padded_width(const Ends &ends) { return (2 * ends.width + 2) * ends.colours; }

// one worker's room, for an image with its border and one row of positions
struct Scratch {
    float *padded, *patches, *rows, *others;

    INLINE Scratch(const Ends &ends, int64_t worker) {
        padded = ends.scratch + worker * ends.scratch_size;
        patches = padded + (2 * ends.height + 2) * padded_width(ends);
        rows = patches + ends.width * taps_of(ends);
        others = rows + ends.width * ends.features;
    }
};

INLINE void pad(const Ends &ends, int64_t image, float *padded) {
    const int64_t width = 2 * ends.width * ends.colours, stride = padded_width(ends);
    const float *from = ends.image + image * 2 * ends.height * width;
    std::fill_n(padded, (2 * ends.height + 2) * stride, -ends.origin);
    for (int64_t row = 0; row < 2 * ends.height; ++row) {
        float *to = padded + (row + 1) * stride + ends.colours;
        for (int64_t i = 0; i < width; ++i) to[i] = from[row * width + i] - ends.origin;
    }
}

INLINE void unpad(const Ends &ends, int64_t image, const float *padded) {
    const int64_t width = 2 * ends.width * ends.colours, stride = padded_width(ends);
    float *to = ends.image + image * 2 * ends.height * width;
    for (int64_t row = 0; row < 2 * ends.height; ++row)
        std::copy_n(padded + (row + 1) * stride + ends.colours, width, to + row * width);
}

template <int64_t kColours>
INLINE void read_patches_of(const Ends &ends, int64_t row, const float *padded, float *patches) {
    constexpr int64_t kLength = 4 * kColours;
    const int64_t stride = padded_width(ends);
    const float *from = padded + 2 * row * stride;
    for (int64_t column = 0; column < ends.width; ++column, from += kLength / 2)
        for (int64_t r = 0; r < 4; ++r, patches += kLength)
            std::memcpy(patches, from + r * stride, kLength * sizeof(float));
}

// neighbours overlap by half, so all left halves are added before the right ones: else every sum
// would wait for the one before it
template <int64_t kColours>
INLINE void add_patches_of(const Ends &ends, int64_t row, const float *patches, float *padded) {
    constexpr int64_t kHalf = 2 * kColours;
    const int64_t stride = padded_width(ends);
    for (int64_t r = 0; r < 4; ++r) {
        for (int64_t side = 0; side < 2; ++side) {
            const float *from = patches + (2 * r + side) * kHalf;
            float *to = padded + (2 * row + r) * stride + side * kHalf;
            for (int64_t column = 0; column < ends.width; ++column, from += 8 * kHalf, to += kHalf)
                for (int64_t i = 0; i < kHalf; ++i) to[i] += from[i];
        }
    }
}

// the patches of a row of positions
INLINE void read_patches(const Ends &ends, int64_t row, const float *padded, float *patches) {
    switch (ends.colours) {
        case 1: return read_patches_of<1>(ends, row, padded, patches);
        case 2: return read_patches_of<2>(ends, row, padded, patches);
        case 3: return read_patches_of<3>(ends, row, padded, patches);
        case 4: return read_patches_of<4>(ends, row, padded, patches);
    }
}

// lay the patches of a row of positions on the image
INLINE void add_patches(const Ends &ends, int64_t row, const float *patches, float *padded) {
    switch (ends.colours) {
        case 1: return add_patches_of<1>(ends, row, patches, padded);
        case 2: return add_patches_of<2>(ends, row, patches, padded);
        case 3: return add_patches_of<3>(ends, row, patches, padded);
        case 4: return add_patches_of<4>(ends, row, patches, padded);
    }
}

// step(position, feature) for every group of features of a row of positions
template <class Step>
INLINE void for_groups(const Ends &ends, Step step) {
    for (int64_t column = 0; column < ends.width; ++column)
        for (int64_t at = 0; at < ends.features; at += kLanes)
            step(column * ends.features + at, at);
}

// memory brings the next row while this one is computed with: rows are pages, at whose ends the
// processor's own foresight stops
template <class Number>
INLINE void fetch_next(const Ends &ends, const Number *at) {
    __builtin_prefetch(at + ends.width * ends.features);
}

INLINE Floats rectified(const Ends &ends, Floats value) {
    return if_negative(value, value * ends.slope, value);
}

// the gradient behind the rectifier; 0 - value, not -value: at 0 the slope is the negative side's
INLINE Floats behind(const Ends &ends, Floats value, Floats gradient) {
    return if_negative(0 - value, gradient, gradient * ends.slope);
}

// first: Σ patch, (taps); second: Σ patch patchᵀ, (taps, taps)
INLINE void sum_patches(const Ends &ends, const Scratch &scratch, int64_t row, int64_t part) {
    const int64_t taps = taps_of(ends);
    read_patches(ends, row, scratch.padded, scratch.patches);
    add_rows(scratch.patches, ends.width, taps, ends.first + part * taps);
    add_products(scratch.patches, scratch.patches, ends.width, taps, taps,
                 ends.second + part * taps * taps);
}

INLINE void convolve(const Ends &ends, const Scratch &scratch, int64_t row) {
    read_patches(ends, row, scratch.padded, scratch.patches);
    multiply(scratch.patches, ends.weight, ends.width, taps_of(ends), ends.features, scratch.rows);
}

template <class Number>
INLINE void make_features(const Ends &ends, const Scratch &scratch, int64_t row, int64_t place) {
    convolve(ends, scratch, row);
    Number *out = static_cast<Number *>(ends.out) + place;
    for_groups(ends, [&](int64_t at, int64_t feature) {
        const Floats value = load(scratch.rows + at) + load(ends.shift + feature);
        store(out + at, rectified(ends, value));
    });
}

// first: Σ patch gradientᵀ behind the rectifier, (taps, F); second: Σ gradient, (F)
template <class Number>
INLINE void sum_feature_gradients(const Ends &ends, const Scratch &scratch, int64_t row,
                                  int64_t place, int64_t part) {
    const int64_t taps = taps_of(ends), features = ends.features;
    convolve(ends, scratch, row);
    const Number *gradient = static_cast<const Number *>(ends.values) + place;
    for_groups(ends, [&](int64_t at, int64_t feature) {
        fetch_next(ends, gradient + at);
        const Floats value = load(scratch.rows + at) + load(ends.shift + feature);
        store(scratch.rows + at, behind(ends, value, load(gradient + at)));
    });
    add_products(scratch.patches, scratch.rows, ends.width, taps, features,
                 ends.first + part * taps * features);
    add_rows(scratch.rows, ends.width, features, ends.second + part * features);
}

template <class Number>
INLINE void add_to_image(const Ends &ends, const Scratch &scratch, int64_t row, int64_t place) {
    const Number *x = static_cast<const Number *>(ends.values) + place;
    for_groups(ends, [&](int64_t at, int64_t feature) {
        fetch_next(ends, x + at);
        const Floats value = load(x + at) * load(ends.scale + feature) + load(ends.shift + feature);
        store(scratch.rows + at, rectified(ends, value));
    });
    multiply(scratch.rows, ends.weight, ends.width, ends.features, taps_of(ends), scratch.patches);
    add_patches(ends, row, scratch.patches, scratch.padded);
}

template <class Number>
INLINE void add_gradient_to_image(const Ends &ends, const Scratch &scratch, int64_t row,
                                  int64_t place) {
    const Number *gradient = static_cast<const Number *>(ends.values) + place;
    const Number *result = static_cast<const Number *>(ends.result) + place;
    for_groups(ends, [&](int64_t at, int64_t) {
        fetch_next(ends, gradient + at);
        fetch_next(ends, result + at);
        // the rectifier keeps signs, and 0 for 0
        store(scratch.rows + at, behind(ends, load(result + at), load(gradient + at)));
    });
    multiply(scratch.rows, ends.weight, ends.width, ends.features, taps_of(ends), scratch.patches);
    add_patches(ends, row, scratch.patches, scratch.padded);
}

// first: Σ patch yᵀ for the rectified y, (taps, F); second: Σ gradient behind the rectifier and Σ of
// it times the normalised x, (2, F)
template <class Number>
INLINE void sum_image_gradients(const Ends &ends, const Scratch &scratch, int64_t row,
                                int64_t place, int64_t part) {
    const int64_t taps = taps_of(ends), features = ends.features;
    const Number *x = static_cast<const Number *>(ends.values) + place;
    double *sums = ends.second + part * 2 * features;
    convolve(ends, scratch, row);
    for_groups(ends, [&](int64_t at, int64_t feature) {
        fetch_next(ends, x + at);
        const Floats value = load(x + at) * load(ends.scale + feature) + load(ends.shift + feature);
        store(scratch.rows + at, behind(ends, value, load(scratch.rows + at)));
        store(scratch.others + at, rectified(ends, value));
    });
    add_products(scratch.patches, scratch.others, ends.width, taps, features,
                 ends.first + part * taps * features);
    add_rows(scratch.rows, ends.width, features, sums);
    for_groups(ends, [&](int64_t at, int64_t feature) {
        const Floats normal = (load(x + at) - load(ends.mean + feature)) *
                              load(ends.inverse_deviation + feature);
        store(scratch.others + at, load(scratch.rows + at) * normal);
    });
    add_rows(scratch.others, ends.width, features, sums + features);
}

template <class Number>
INLINE void differentiate(const Ends &ends, const Scratch &scratch, int64_t row, int64_t place) {
    const Number *x = static_cast<const Number *>(ends.values) + place;
    Number *out = static_cast<Number *>(ends.out) + place;
    convolve(ends, scratch, row);
    for_groups(ends, [&](int64_t at, int64_t feature) {
        fetch_next(ends, x + at);
        const Floats scale = load(ends.scale + feature), given = load(x + at);
        const Floats value = given * scale + load(ends.shift + feature);
        const Floats gradient = behind(ends, value, load(scratch.rows + at));
        const Floats normal =
            (given - load(ends.mean + feature)) * load(ends.inverse_deviation + feature);
        store(out + at, scale * (gradient - load(ends.mean_gradient + feature) -
                                 normal * load(ends.mean_gradient_times_x + feature)));
    });
}

enum Pass : int64_t {
    kSumPatches,
    kFeatures,
    kSumFeatureGradients,
    kImage,
    kSumImageGradients,
    kDifferentiate,
    kImageGradient
};

template <class Number>
INLINE void pass_in(const Ends &ends, int64_t pass, int64_t worker, int64_t part) {
    const Scratch scratch(ends, worker);
    const auto [first, last] = part_of(ends.images, part);
    const bool to_image = pass == kImage || pass == kImageGradient;
    for (int64_t image = first; image < last; ++image) {
        if (to_image)
            std::fill_n(scratch.padded, scratch.patches - scratch.padded, 0.f);
        else
            pad(ends, image, scratch.padded);
        for (int64_t row = 0; row < ends.height; ++row) {
            const int64_t place = (image * ends.height + row) * ends.width * ends.features;
            if (pass == kSumPatches) sum_patches(ends, scratch, row, part);
            if (pass == kFeatures) make_features<Number>(ends, scratch, row, place);
            if (pass == kSumFeatureGradients)
                sum_feature_gradients<Number>(ends, scratch, row, place, part);
            if (pass == kImage) add_to_image<Number>(ends, scratch, row, place);
            if (pass == kImageGradient) add_gradient_to_image<Number>(ends, scratch, row, place);
            if (pass == kSumImageGradients)
                sum_image_gradients<Number>(ends, scratch, row, place, part);
            if (pass == kDifferentiate) differentiate<Number>(ends, scratch, row, place);
        }
        if (to_image) unpad(ends, image, scratch.padded);
    }
}

FOR_EACH_PROCESSOR
void pass_in_float32(const Ends &ends, int64_t pass, int64_t worker, int64_t part) {
    pass_in<float>(ends, pass, worker, part);
}

FOR_EACH_PROCESSOR
void pass_in_bfloat16(const Ends &ends, int64_t pass, int64_t worker, int64_t part) {
    pass_in<Bfloat16>(ends, pass, worker, part);
}

}  // namespace

// One pass over the images; the fields that it reads and writes must be set, and its sums be 0.
extern "C" void pass_over(const Ends *ends, int64_t pass, int64_t halves, int64_t threads,
                          Team team) {
    in_parts(threads, team, [=](int64_t worker, int64_t part) {
        halves ? pass_in_bfloat16(*ends, pass, worker, part)
               : pass_in_float32(*ends, pass, worker, part);
    });
}

extern "C" int64_t subject_size() { return sizeof(Ends); }
