// Products of matrices of a few dozen rows and columns, which fit into the L1 cache. The number of
// columns is a multiple of kLanes; `inner` of add_products is a multiple of kTogether.

#pragma once

#include "lanes.hpp"

namespace {

constexpr int64_t kTogether = 8;  // rows or columns whose sums are kept in registers

template <class Vector, int64_t kRows>
INLINE void multiply_rows(const float *a, const float *b, int64_t inner, int64_t columns,
                          float *out) {
    for (int64_t at = 0; at < columns; at += lanes_of<Vector>) {
        Vector sums[kRows] = {};
        for (int64_t k = 0; k < inner; ++k) {
            const Vector row = load_as<Vector>(b + k * columns + at);
            for (int64_t r = 0; r < kRows; ++r) sums[r] += a[r * inner + k] * row;
        }
        for (int64_t r = 0; r < kRows; ++r) store_as(out + r * columns + at, sums[r]);
    }
}

template <class Vector>
INLINE void multiply_by(const float *a, const float *b, int64_t rows, int64_t inner,
                        int64_t columns, float *out) {
    int64_t row = 0;
    for (; row + kTogether <= rows; row += kTogether)
        multiply_rows<Vector, kTogether>(a + row * inner, b, inner, columns, out + row * columns);
    for (; row < rows; ++row)
        multiply_rows<Vector, 1>(a + row * inner, b, inner, columns, out + row * columns);
}

template <class Vector>
INLINE void add_products_by(const float *a, const float *b, int64_t rows, int64_t inner,
                            int64_t columns, double *totals) {
    for (int64_t at = 0; at < columns; at += lanes_of<Vector>) {
        for (int64_t k = 0; k < inner; k += kTogether) {
            Vector sums[kTogether] = {};
            for (int64_t r = 0; r < rows; ++r) {
                const Vector row = load_as<Vector>(b + r * columns + at);
                for (int64_t i = 0; i < kTogether; ++i) sums[i] += a[r * inner + k + i] * row;
            }
            for (int64_t i = 0; i < kTogether; ++i)
                for (int64_t lane = 0; lane < lanes_of<Vector>; ++lane)
                    totals[(k + i) * columns + at + lane] += sums[i][lane];
        }
    }
}

template <class Vector>
INLINE void add_rows_by(const float *a, int64_t rows, int64_t columns, double *totals) {
    for (int64_t at = 0; at < columns; at += lanes_of<Vector>) {
        Vector sums = {};
        for (int64_t r = 0; r < rows; ++r) sums += load_as<Vector>(a + r * columns + at);
        for (int64_t lane = 0; lane < lanes_of<Vector>; ++lane) totals[at + lane] += sums[lane];
    }
}

// out (rows, columns) = a (rows, inner) · b (inner, columns)
INLINE void multiply(const float *a, const float *b, int64_t rows, int64_t inner, int64_t columns,
                     float *out) {
    kWholeRegisters ? multiply_by<Floats>(a, b, rows, inner, columns, out)
                    : multiply_by<Half>(a, b, rows, inner, columns, out);
}

// totals (inner, columns) += aᵀ · b for a (rows, inner), b (rows, columns)
INLINE void add_products(const float *a, const float *b, int64_t rows, int64_t inner,
                         int64_t columns, double *totals) {
    kWholeRegisters ? add_products_by<Floats>(a, b, rows, inner, columns, totals)
                    : add_products_by<Half>(a, b, rows, inner, columns, totals);
}

// totals (columns) += the sum of the rows of a (rows, columns)
INLINE void add_rows(const float *a, int64_t rows, int64_t columns, double *totals) {
    kWholeRegisters ? add_rows_by<Floats>(a, rows, columns, totals)
                    : add_rows_by<Half>(a, rows, columns, totals);
}

}  // namespace
