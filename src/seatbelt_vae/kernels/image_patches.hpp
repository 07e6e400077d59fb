// Images with a border of one pixel, and the 4×4 patches of stride 2 in them. `Fields` has the sizes:
// `height` and `width` of the features, half of those of the image, and `colours`.

#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "lanes.hpp"

namespace {

template <class Fields>
INLINE int64_t padded_width(const Fields &fields) { return (2 * fields.width + 2) * fields.colours; }

template <class Fields>
INLINE void pad(const Fields &fields, int64_t image, float *padded) {
    const int64_t width = 2 * fields.width * fields.colours, stride = padded_width(fields);
    const float *from = fields.image + image * 2 * fields.height * width;
    std::fill_n(padded, (2 * fields.height + 2) * stride, -fields.origin);
    for (int64_t row = 0; row < 2 * fields.height; ++row) {
        float *to = padded + (row + 1) * stride + fields.colours;
        for (int64_t i = 0; i < width; ++i) to[i] = from[row * width + i] - fields.origin;
    }
}

template <class Fields>
INLINE void unpad(const Fields &fields, int64_t image, const float *padded) {
    const int64_t width = 2 * fields.width * fields.colours, stride = padded_width(fields);
    float *to = fields.image_out + image * 2 * fields.height * width;
    for (int64_t row = 0; row < 2 * fields.height; ++row)
        std::copy_n(padded + (row + 1) * stride + fields.colours, width, to + row * width);
}

template <int64_t kColours, class Fields>
INLINE void read_patches_of(const Fields &fields, int64_t row, const float *padded, float *patches) {
    constexpr int64_t kLength = 4 * kColours;
    const int64_t stride = padded_width(fields);
    const float *from = padded + 2 * row * stride;
    for (int64_t column = 0; column < fields.width; ++column, from += kLength / 2)
        for (int64_t r = 0; r < 4; ++r, patches += kLength)
            std::memcpy(patches, from + r * stride, kLength * sizeof(float));
}

// Neighbouring patches overlap by half. All left halves are added before the right halves, so that
// no addition waits for the previous one.
template <int64_t kColours, class Fields>
INLINE void add_patches_of(const Fields &fields, int64_t row, const float *patches,
                           float *padded) {
    constexpr int64_t kHalf = 2 * kColours;
    const int64_t stride = padded_width(fields), width = fields.width;
    for (int64_t r = 0; r < 4; ++r) {
        for (int64_t side = 0; side < 2; ++side) {
            const float *from = patches + (2 * r + side) * kHalf;
            float *to = padded + (2 * row + r) * stride + side * kHalf;
            for (int64_t column = 0; column < width; ++column, from += 8 * kHalf, to += kHalf)
                for (int64_t i = 0; i < kHalf; ++i) to[i] += from[i];
        }
    }
}

// Copies the patches of a row of positions from the image.
template <class Fields>
INLINE void read_patches(const Fields &fields, int64_t row, const float *padded, float *patches) {
    switch (fields.colours) {
        case 1: return read_patches_of<1>(fields, row, padded, patches);
        case 2: return read_patches_of<2>(fields, row, padded, patches);
        case 3: return read_patches_of<3>(fields, row, padded, patches);
        case 4: return read_patches_of<4>(fields, row, padded, patches);
    }
}

// Adds the patches of a row of positions to the image.
template <class Fields>
INLINE void add_patches(const Fields &fields, int64_t row, const float *patches, float *padded) {
    switch (fields.colours) {
        case 1: return add_patches_of<1>(fields, row, patches, padded);
        case 2: return add_patches_of<2>(fields, row, patches, padded);
        case 3: return add_patches_of<3>(fields, row, patches, padded);
        case 4: return add_patches_of<4>(fields, row, patches, padded);
    }
}

}  // namespace
