// The limited memory of L-BFGS for a batch of rows. The pairs of a row are read from memory once, for
// their inner products with the new vectors, and once more from the cache, for the result.
// `optim/memory.py` states the formula.

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "kernel.hpp"

FIELDS(lbfgs_memory,
    int64_t rows, slots, blocks, clock;  // a vector has blocks * kLanes values
    float *pairs;          // (rows, 2 slots, size): steps s, then gradient changes y
    float *gram;           // (rows, 2 slots, 2 slots): inner products of the pairs
    int64_t *stamp;        // (rows, slots): when a slot was filled; 0 if it is empty
    const float *vectors;  // (rows, 3, size): a new s and y, and v
    const bool *wanted;    // (rows): whether to store the new pair
    bool *kept;            // (rows): whether it was stored
    float *result;         // (rows, size): Hv
    float least_curvature;
)

namespace {

constexpr int64_t kMostSlots = 64;

// inner products of a vector with the new s, y and v
struct Products {
    double s, y, v;
};

template <class Vector>
INLINE double sum(Vector lanes) {
    double total = 0;
    for (int64_t lane = 0; lane < lanes_of<Vector>; ++lane) total += lanes[lane];
    return total;
}

template <class Vector>
INLINE void products_of_pair(const float *one, const float *other, const float *s, const float *y,
                             const float *v, int64_t size, Products &of_one, Products &of_other) {
    Vector one_s = {}, one_y = {}, one_v = {}, other_s = {}, other_y = {}, other_v = {};
    for (int64_t at = 0; at < size; at += lanes_of<Vector>) {
        const Vector a = load_as<Vector>(one + at), b = load_as<Vector>(other + at);
        const Vector new_s = load_as<Vector>(s + at), new_y = load_as<Vector>(y + at);
        const Vector new_v = load_as<Vector>(v + at);
        one_s += a * new_s;
        one_y += a * new_y;
        one_v += a * new_v;
        other_s += b * new_s;
        other_y += b * new_y;
        other_v += b * new_v;
    }
    of_one = {sum(one_s), sum(one_y), sum(one_v)};
    of_other = {sum(other_s), sum(other_y), sum(other_v)};
}

template <class Vector, int64_t kVectors>
INLINE void combine_at(const float *const *terms, const float *weights, int64_t count, int64_t at,
                       float *out) {
    constexpr int64_t kStep = lanes_of<Vector>;
    Vector sums[kVectors] = {};
    for (int64_t term = 0; term < count; ++term)
        for (int64_t i = 0; i < kVectors; ++i)
            sums[i] += weights[term] * load_as<Vector>(terms[term] + at + i * kStep);
    for (int64_t i = 0; i < kVectors; ++i) store_as(out + at + i * kStep, sums[i]);
}

template <class Vector>
INLINE void combine(const float *const *terms, const float *weights, int64_t count, int64_t size,
                    float *out) {
    constexpr int64_t kAtOnce = 4, kStep = lanes_of<Vector>;
    int64_t at = 0;
    for (; at + kAtOnce * kStep <= size; at += kAtOnce * kStep)
        combine_at<Vector, kAtOnce>(terms, weights, count, at, out);
    for (; at < size; at += kStep) combine_at<Vector, 1>(terms, weights, count, at, out);
}

// the memory of one row
struct Row {
    float *pairs, *gram;
    int64_t *stamp;
    int64_t slots, size;

    INLINE float *step(int64_t slot) const { return pairs + slot * size; }
    INLINE float *change(int64_t slot) const { return pairs + (slots + slot) * size; }
    INLINE float &product(int64_t one, int64_t other) const {
        return gram[one * 2 * slots + other];
    }
};

// Stores a new pair in the place of the oldest.
INLINE void remember(const Row &row, const float *s, const float *y, int64_t clock,
                     Products *products, const Products &own_s, const Products &own_y) {
    const int64_t slots = row.slots;
    const int64_t slot = std::min_element(row.stamp, row.stamp + slots) - row.stamp;
    row.stamp[slot] = clock;
    std::copy_n(s, row.size, row.step(slot));
    std::copy_n(y, row.size, row.change(slot));
    products[slot] = own_s;
    products[slots + slot] = own_y;
    for (int64_t other = 0; other < 2 * slots; ++other) {
        row.product(slot, other) = row.product(other, slot) = products[other].s;
        row.product(slots + slot, other) = row.product(other, slots + slot) = products[other].y;
    }
}

// Computes result = Hv.
template <class Vector>
INLINE void multiply(const Row &row, const float *v, const Products *products, float *result) {
    const int64_t slots = row.slots;
    int64_t order[kMostSlots], used = 0;  // slots in use, oldest first
    for (int64_t slot = 0; slot < slots; ++slot)
        if (row.stamp[slot] > 0) order[used++] = slot;
    std::sort(order, order + used,
              [&](int64_t one, int64_t other) { return row.stamp[one] < row.stamp[other]; });
    const auto sy = [&](int64_t i, int64_t j) -> double {
        return row.product(order[i], slots + order[j]);
    };
    const auto yy = [&](int64_t i, int64_t j) -> double {
        return row.product(slots + order[i], slots + order[j]);
    };
    const double gamma = used ? sy(used - 1, used - 1) / yy(used - 1, used - 1) : 1;
    double a[kMostSlots], w[kMostSlots];
    for (int64_t i = used - 1; i >= 0; --i) {
        a[i] = products[order[i]].v;
        for (int64_t j = i + 1; j < used; ++j) a[i] -= sy(i, j) * a[j];
        a[i] /= sy(i, i);
    }
    const float *terms[2 * kMostSlots + 1] = {v};
    float weights[2 * kMostSlots + 1] = {static_cast<float>(gamma)};
    for (int64_t i = 0; i < used; ++i) {
        double middle = -products[slots + order[i]].v;
        for (int64_t j = 0; j < used; ++j) middle += yy(i, j) * a[j];
        w[i] = sy(i, i) * a[i] + gamma * middle;
        for (int64_t j = 0; j < i; ++j) w[i] -= sy(j, i) * w[j];
        w[i] /= sy(i, i);
        terms[2 * i + 1] = row.step(order[i]);
        weights[2 * i + 1] = w[i];
        terms[2 * i + 2] = row.change(order[i]);
        weights[2 * i + 2] = -gamma * a[i];
    }
    combine<Vector>(terms, weights, 2 * used + 1, row.size, result);
}

template <class Vector>
INLINE void learn_by(const Fields &fields, int64_t part) {
    const int64_t slots = fields.slots, size = fields.blocks * kLanes;
    const auto [first, last] = part_of(fields.rows, part);
    for (int64_t number = first; number < last; ++number) {
        const Row row = {fields.pairs + number * 2 * slots * size,
                         fields.gram + number * 4 * slots * slots, fields.stamp + number * slots,
                         slots, size};
        const float *s = fields.vectors + number * 3 * size, *y = s + size, *v = y + size;
        Products products[2 * kMostSlots] = {}, own_s, own_y;
        for (int64_t slot = 0; slot < slots; ++slot)
            if (row.stamp[slot] > 0)
                products_of_pair<Vector>(row.step(slot), row.change(slot), s, y, v, size,
                                         products[slot], products[slots + slot]);
        products_of_pair<Vector>(s, y, s, y, v, size, own_s, own_y);
        const double least = fields.least_curvature * std::sqrt(own_s.s) * std::sqrt(own_y.y);
        const bool kept = fields.wanted[number] && own_s.y > least && std::isfinite(own_s.y);
        fields.kept[number] = kept;
        if (kept) remember(row, s, y, fields.clock, products, own_s, own_y);
        multiply<Vector>(row, v, products, fields.result + number * size);
    }
}

FOR_EACH_PROCESSOR
void learn(const Fields &fields, int64_t part) {
    kWholeRegisters ? learn_by<Floats>(fields, part) : learn_by<Half>(fields, part);
}

}  // namespace

extern "C" int lbfgs_memory_learn(const Fields &fields, int64_t threads, Team team) {
    return in_parts(threads, team, 0, [&](float *, int64_t part) { learn(fields, part); });
}
