// The convolutions next to the image, fused with batch normalisation and (leaky) ReLU: a 4×4
// convolution of stride 2 from at most four channels, and its adjoint back to them.
//
// The tensor between convolution and normalisation is the largest of a training step. It is
// recomputed row by row and never stored.
//
// A patch is the 4×4 pixels that a position sees, (row, column, colour). Images are (2h, 2w, C) and
// features (h, w, F) in memory; F is a multiple of kLanes.

#include <algorithm>
#include <cstdint>

#include "bfloat16.hpp"
#include "image_patches.hpp"
#include "kernel.hpp"
#include "matrix_products.hpp"

FIELDS(fused_conv,
    int64_t images, height, width;          // h and w of the features
    int64_t colours, groups, bfloat16;      // F is groups * kLanes
    const float *image;                     // (images, 2h, 2w, C)
    float *image_out;                       // (images, 2h, 2w, C)
    const void *values;                     // (images, h, w, F)
    void *out;                              // (images, h, w, F)
    const float *weight, *weight_by_features;  // (16 C, F) and (F, 16 C)
    const float *scale, *shift, *mean, *inverse_deviation;  // (F)
    const float *mean_gradient, *mean_gradient_times_x;     // (F)
    double *patches, *patch_products;  // (kParts, 16 C) and (kParts, 16 C, 16 C)
    double *of_weight, *of_shift;      // (kParts, 16 C, F) and (kParts, F)
    double *of_norm;                   // (kParts, 2, F)
    float origin;                      // subtracted from every pixel, and from the zero padding
    float slope;                       // of the ReLU below 0
)

namespace {

INLINE int64_t taps_of(const Fields &fields) { return 16 * fields.colours; }
INLINE int64_t features_of(const Fields &fields) { return kLanes * fields.groups; }
// what one thread computes with: a padded image and one row of positions
struct Scratch {
    float *padded, *patches, *rows, *others;

    INLINE Scratch(const Fields &fields, float *own) {
        padded = own;
        patches = padded + (2 * fields.height + 2) * padded_width(fields);
        rows = patches + fields.width * taps_of(fields);
        others = rows + fields.width * features_of(fields);
    }
};

int64_t scratch_size(const Fields &fields) {
    return (2 * fields.height + 2) * padded_width(fields) +
           fields.width * (taps_of(fields) + 2 * features_of(fields));
}

// Calls step(scratch, row, offset of the row's features) for every row of positions of a part.
template <class Step>
INLINE void for_rows(const Fields &fields, float *own, int64_t part, Step step) {
    const Scratch scratch(fields, own);
    const auto [first, last] = part_of(fields.images, part);
    for (int64_t image = first; image < last; ++image) {
        if (fields.image)
            pad(fields, image, scratch.padded);
        else
            std::fill_n(scratch.padded, scratch.patches - scratch.padded, 0.f);
        for (int64_t row = 0; row < fields.height; ++row)
            step(scratch, row,
                 (image * fields.height + row) * fields.width * features_of(fields));
        if (fields.image_out) unpad(fields, image, scratch.padded);
    }
}

// Calls step(position, feature) for every group of features of a row of positions.
template <class Step>
INLINE void for_groups(const Fields &fields, Step step) {
    const int64_t features = features_of(fields);
    for (int64_t column = 0; column < fields.width; ++column)
        for (int64_t at = 0; at < features; at += kLanes) step(column * features + at, at);
}

// Prefetches the next row: rows end at page boundaries, where hardware prefetching stops.
template <class Number>
INLINE void fetch_next(const Fields &fields, const Number *at) {
    __builtin_prefetch(at + fields.width * features_of(fields));
}

INLINE Floats relu(const Fields &fields, Floats value) {
    return if_negative(value, value * fields.slope, value);
}

// The gradient before the ReLU; 0 − value instead of −value: the derivative at 0 is the slope of the
// negative side.
INLINE Floats before_relu(const Fields &fields, Floats value, Floats gradient) {
    return if_negative(0 - value, gradient, gradient * fields.slope);
}

INLINE Floats affine(const Fields &fields, Floats x, int64_t feature) {
    return x * load(fields.scale + feature) + load(fields.shift + feature);
}

INLINE Floats normalised(const Fields &fields, Floats x, int64_t feature) {
    return (x - load(fields.mean + feature)) * load(fields.inverse_deviation + feature);
}

INLINE void convolve(const Fields &fields, const Scratch &scratch, int64_t row) {
    read_patches(fields, row, scratch.padded, scratch.patches);
    multiply(scratch.patches, fields.weight, fields.width, taps_of(fields), features_of(fields),
             scratch.rows);
}

INLINE void convolve_back(const Fields &fields, const Scratch &scratch, int64_t row) {
    multiply(scratch.rows, fields.weight_by_features, fields.width, features_of(fields),
             taps_of(fields), scratch.patches);
    add_patches(fields, row, scratch.patches, scratch.padded);
}

// the sums of one part, set to 0
INLINE double *zeros(double *sums, int64_t part, int64_t size) {
    std::fill_n(sums + part * size, size, 0.);
    return sums + part * size;
}

// patches: Σ patch; patch_products: Σ patch patchᵀ
template <class Number>
INLINE void patch_sums(const Fields &fields, float *own, int64_t part) {
    const int64_t taps = taps_of(fields);
    double *sums = zeros(fields.patches, part, taps);
    double *products = zeros(fields.patch_products, part, taps * taps);
    for_rows(fields, own, part, [&](const Scratch &scratch, int64_t row, int64_t) INLINED {
        read_patches(fields, row, scratch.padded, scratch.patches);
        add_rows(scratch.patches, fields.width, taps, sums);
        add_products(scratch.patches, scratch.patches, fields.width, taps, taps, products);
    });
}

// out: ReLU(patch · weight + shift)
template <class Number>
INLINE void features(const Fields &fields, float *own, int64_t part) {
    for_rows(fields, own, part, [&](const Scratch &scratch, int64_t row, int64_t offset) INLINED {
        convolve(fields, scratch, row);
        Number *out = static_cast<Number *>(fields.out) + offset;
        for_groups(fields, [&](int64_t at, int64_t feature) INLINED {
            const Floats value = load(scratch.rows + at) + load(fields.shift + feature);
            store(out + at, relu(fields, value));
        });
    });
}

// of_weight: Σ patch gᵀ, of_shift: Σ g, for the gradient g before the ReLU
template <class Number>
INLINE void feature_gradient_sums(const Fields &fields, float *own, int64_t part) {
    const int64_t taps = taps_of(fields), features = features_of(fields);
    double *of_weight = zeros(fields.of_weight, part, taps * features);
    double *of_shift = zeros(fields.of_shift, part, features);
    for_rows(fields, own, part, [&](const Scratch &scratch, int64_t row, int64_t offset) INLINED {
        convolve(fields, scratch, row);
        const Number *gradient = static_cast<const Number *>(fields.values) + offset;
        for_groups(fields, [&](int64_t at, int64_t feature) INLINED {
            fetch_next(fields, gradient + at);
            const Floats value = load(scratch.rows + at) + load(fields.shift + feature);
            store(scratch.rows + at, before_relu(fields, value, load(gradient + at)));
        });
        add_products(scratch.patches, scratch.rows, fields.width, taps, features, of_weight);
        add_rows(scratch.rows, fields.width, features, of_shift);
    });
}

// of_norm: Σ (x − mean) and Σ (x − mean)², with `mean` a number near the values
template <class Number>
INLINE void value_sums(const Fields &fields, float *own, int64_t part) {
    const int64_t features = features_of(fields);
    double *of_norm = zeros(fields.of_norm, part, 2 * features);
    for_rows(fields, own, part, [&](const Scratch &scratch, int64_t, int64_t offset) INLINED {
        const Number *x = static_cast<const Number *>(fields.values) + offset;
        for_groups(fields, [&](int64_t at, int64_t feature) INLINED {
            fetch_next(fields, x + at);
            const Floats value = load(x + at) - load(fields.mean + feature);
            store(scratch.rows + at, value);
            store(scratch.others + at, value * value);
        });
        add_rows(scratch.rows, fields.width, features, of_norm);
        add_rows(scratch.others, fields.width, features, of_norm + features);
    });
}

// image_out: the adjoint of the convolution of ReLU(values · scale + shift)
template <class Number>
INLINE void to_image(const Fields &fields, float *own, int64_t part) {
    for_rows(fields, own, part, [&](const Scratch &scratch, int64_t row, int64_t offset) INLINED {
        const Number *x = static_cast<const Number *>(fields.values) + offset;
        for_groups(fields, [&](int64_t at, int64_t feature) INLINED {
            fetch_next(fields, x + at);
            store(scratch.rows + at, relu(fields, affine(fields, load(x + at), feature)));
        });
        convolve_back(fields, scratch, row);
    });
}

// of_weight: Σ patch yᵀ for the output y of the ReLU; of_norm: Σ g and Σ g · x̂ for the gradient g
// before the ReLU. The patches are those of the image's gradient.
template <class Number>
INLINE void image_gradient_sums(const Fields &fields, float *own, int64_t part) {
    const int64_t taps = taps_of(fields), features = features_of(fields);
    double *of_weight = zeros(fields.of_weight, part, taps * features);
    double *of_norm = zeros(fields.of_norm, part, 2 * features);
    for_rows(fields, own, part, [&](const Scratch &scratch, int64_t row, int64_t offset) INLINED {
        const Number *x = static_cast<const Number *>(fields.values) + offset;
        convolve(fields, scratch, row);
        for_groups(fields, [&](int64_t at, int64_t feature) INLINED {
            fetch_next(fields, x + at);
            const Floats value = affine(fields, load(x + at), feature);
            store(scratch.rows + at, before_relu(fields, value, load(scratch.rows + at)));
            store(scratch.others + at, relu(fields, value));
        });
        add_products(scratch.patches, scratch.others, fields.width, taps, features, of_weight);
        add_rows(scratch.rows, fields.width, features, of_norm);
        for_groups(fields, [&](int64_t at, int64_t feature) INLINED {
            const Floats normal = normalised(fields, load(x + at), feature);
            store(scratch.others + at, load(scratch.rows + at) * normal);
        });
        add_rows(scratch.others, fields.width, features, of_norm + features);
    });
}

// out: the gradient of values through normalisation, ReLU and adjoint convolution
template <class Number>
INLINE void input_gradient(const Fields &fields, float *own, int64_t part) {
    for_rows(fields, own, part, [&](const Scratch &scratch, int64_t row, int64_t offset) INLINED {
        const Number *values = static_cast<const Number *>(fields.values) + offset;
        Number *out = static_cast<Number *>(fields.out) + offset;
        convolve(fields, scratch, row);
        for_groups(fields, [&](int64_t at, int64_t feature) INLINED {
            fetch_next(fields, values + at);
            const Floats x = load(values + at), value = affine(fields, x, feature);
            const Floats gradient = before_relu(fields, value, load(scratch.rows + at));
            const Floats normal = normalised(fields, x, feature);
            store(out + at, load(fields.scale + feature) *
                                (gradient - load(fields.mean_gradient + feature) -
                                 normal * load(fields.mean_gradient_times_x + feature)));
        });
    });
}

}  // namespace

PASS(fused_conv, patch_sums, scratch_size(fields))
PASS(fused_conv, value_sums, scratch_size(fields))
PASS(fused_conv, features, scratch_size(fields))
PASS(fused_conv, feature_gradient_sums, scratch_size(fields))
PASS(fused_conv, to_image, scratch_size(fields))
PASS(fused_conv, image_gradient_sums, scratch_size(fields))
PASS(fused_conv, input_gradient, scratch_size(fields))
