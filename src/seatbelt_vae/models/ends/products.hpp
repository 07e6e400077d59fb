// Products of matrices of a few dozen rows and columns, which lie in a core's nearest cache. Columns
// are multiples of kLanes; the inner side of add_products is one of kTogether.

#pragma once

#include "lanes.hpp"

namespace {

constexpr int64_t kTogether = 8;  // rows or columns whose sums are kept in registers

template <int64_t kRows>
INLINE void multiply_rows(const float *a, const float *b, int64_t inner, int64_t columns,
                          float *out) {
    for (int64_t at = 0; at < columns; at += kLanes) {
        Floats sums[kRows] = {};
        for (int64_t k = 0; k < inner; ++k) {
            const Floats row = load(b + k * columns + at);
            for (int64_t r = 0; r < kRows; ++r) sums[r] += a[r * inner + k] * row;
        }
        for (int64_t r = 0; r < kRows; ++r) store(out + r * columns + at, sums[r]);
    }
}

// out (rows, columns) = a (rows, inner) · b (inner, columns)
INLINE void multiply(const float *a, const float *b, int64_t rows, int64_t inner, int64_t columns,
                     float *out) {
    int64_t row = 0;
    for (; row + kTogether <= rows; row += kTogether)
        multiply_rows<kTogether>(a + row * inner, b, inner, columns, out + row * columns);
    for (; row < rows; ++row)
        multiply_rows<1>(a + row * inner, b, inner, columns, out + row * columns);
}

// totals (inner, columns) += aᵀ · b for a (rows, inner), b (rows, columns)
INLINE void add_products(const float *a, const float *b, int64_t rows, int64_t inner,
                         int64_t columns, double *totals) {
    for (int64_t at = 0; at < columns; at += kLanes) {
        for (int64_t k = 0; k < inner; k += kTogether) {
            Floats sums[kTogether] = {};
            for (int64_t r = 0; r < rows; ++r) {
                const Floats row = load(b + r * columns + at);
                for (int64_t i = 0; i < kTogether; ++i) sums[i] += a[r * inner + k + i] * row;
            }
            for (int64_t i = 0; i < kTogether; ++i)
                for (int64_t lane = 0; lane < kLanes; ++lane)
                    totals[(k + i) * columns + at + lane] += sums[i][lane];
        }
    }
}

INLINE void add_rows(const float *a, int64_t rows, int64_t columns, double *totals) {
    for (int64_t at = 0; at < columns; at += kLanes) {
        Floats sums = {};
        for (int64_t r = 0; r < rows; ++r) sums += load(a + r * columns + at);
        for (int64_t lane = 0; lane < kLanes; ++lane) totals[at + lane] += sums[lane];
    }
}

}  // namespace
