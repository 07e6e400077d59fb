// Pictures of a mesh: the nearest triangle at each sample, then its brightness under every light.
//
// Positions are integers. The rest is double precision in a fixed order without contraction to fused
// multiply-adds, so that `data/rendering/arrays.py` gives the same picture bit for bit.

#if defined(__clang__)
#pragma clang fp contract(off)
#else
#pragma GCC optimize("fp-contract=off")
#endif

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "kernel.hpp"

FIELDS(rasteriser,
    int64_t side, vertex_count, triangle_count, normal_count, light_count;
    const int32_t *points;     // (V, 2)
    const double *nearness;    // (V)
    const int32_t *triangles;  // (T, 3)
    const double *normals;     // (N, 3)
    const int32_t *corners;    // (T, 3), indices into the normals
    const double *albedo;      // (T)
    const double *lights;      // (L, 3)
    double ambient, diffuse, background;
    uint8_t *pictures;         // (L, side, side)
)

namespace {

// as in `data/rendering/scene.py`
constexpr int64_t kSamples = 4;
constexpr int64_t kGridBits = 4;
constexpr int64_t kGrid = 1 << kGridBits;
constexpr int64_t kLevels = 65535;

// twice the signed areas of the triangle, and at a sample of the parts opposite to corners 1 and 2
struct Edges {
    int64_t x0, y0, x1, y1, x2, y2, area;

    Edges(const Fields &fields, const int32_t *corner) {
        const int32_t *a = fields.points + 2 * int64_t{corner[0]};
        const int32_t *b = fields.points + 2 * int64_t{corner[1]};
        const int32_t *c = fields.points + 2 * int64_t{corner[2]};
        x0 = a[0], y0 = a[1];
        x1 = b[0] - x0, y1 = b[1] - y0;
        x2 = c[0] - x0, y2 = c[1] - y0;
        area = x1 * y2 - y1 * x2;
    }
    int64_t first(int64_t x, int64_t y) const { return (x - x0) * y2 - (y - y0) * x2; }
    int64_t second(int64_t x, int64_t y) const { return x1 * (y - y0) - y1 * (x - x0); }
};

// Samples lie in the middle of their cells. A shift rounds down, so that −1 / 16 is −1.
int64_t first_from(int64_t place) { return (place + kGrid / 2 - 1) >> kGridBits; }
int64_t last_to(int64_t place) { return (place - kGrid / 2) >> kGridBits; }

void cover(const Fields &fields, std::vector<int32_t> &owner, std::vector<float> &nearest) {
    const int64_t half = kGrid / 2, width = fields.side * kSamples;
    for (int64_t t = 0; t < fields.triangle_count; ++t) {
        const int32_t *corner = fields.triangles + 3 * t;
        const Edges edges(fields, corner);
        const int64_t left = std::min({int64_t{0}, edges.x1, edges.x2});
        const int64_t right = std::max({int64_t{0}, edges.x1, edges.x2});
        const int64_t top = std::min({int64_t{0}, edges.y1, edges.y2});
        const int64_t bottom = std::max({int64_t{0}, edges.y1, edges.y2});
        const int64_t from = std::max<int64_t>(first_from(edges.x0 + left), 0);
        const int64_t to = std::min(last_to(edges.x0 + right), width - 1);
        const int64_t above = std::max<int64_t>(first_from(edges.y0 + top), 0);
        const int64_t below = std::min(last_to(edges.y0 + bottom), width - 1);
        if (edges.area == 0 || from > to || above > below) continue;
        const double near = fields.nearness[corner[0]];
        const double rise1 = (fields.nearness[corner[1]] - near) / edges.area;
        const double rise2 = (fields.nearness[corner[2]] - near) / edges.area;
        const int64_t sign = edges.area > 0 ? 1 : -1, area = sign * edges.area;
        const int64_t step1 = sign * kGrid * edges.y2, step2 = -sign * kGrid * edges.y1;
        for (int64_t row = above; row <= below; ++row) {
            const int64_t x = from * kGrid + half, y = row * kGrid + half;
            int64_t first = sign * edges.first(x, y), second = sign * edges.second(x, y);
            for (int64_t column = from; column <= to; ++column, first += step1, second += step2) {
                const bool inside = (first | second | (area - first - second)) >= 0;
                const float here = near + sign * (first * rise1 + second * rise2);
                const int64_t at = row * width + column;
                const bool seen = inside & (here > nearest[at]);
                nearest[at] = seen ? here : nearest[at];
                owner[at] = seen ? static_cast<int32_t>(t) : owner[at];
            }
        }
    }
}

int64_t level(double brightness) {
    return std::clamp(brightness, 0.0, 1.0) * kLevels + 0.5;
}

// Adds the brightness of one sample under every light.
void shade(const Fields &fields, int64_t t, int64_t column, int64_t row, int64_t *sums) {
    const int64_t half = kGrid / 2;
    const Edges edges(fields, fields.triangles + 3 * t);
    const int64_t x = column * kGrid + half, y = row * kGrid + half;
    const double share1 = static_cast<double>(edges.first(x, y)) / edges.area;
    const double share2 = static_cast<double>(edges.second(x, y)) / edges.area;
    const double share0 = 1.0 - share1 - share2;
    double normal[3];
    const int32_t *corner = fields.corners + 3 * t;
    for (int i = 0; i < 3; ++i)
        normal[i] = share0 * fields.normals[3 * int64_t{corner[0]} + i] +
                    share1 * fields.normals[3 * int64_t{corner[1]} + i] +
                    share2 * fields.normals[3 * int64_t{corner[2]} + i];
    double length =
        std::sqrt(normal[0] * normal[0] + normal[1] * normal[1] + normal[2] * normal[2]);
    // a triangle seen from behind is lit from behind
    if (edges.area > 0) length = -length;
    for (int64_t l = 0; l < fields.light_count; ++l) {
        const double *light = fields.lights + 3 * l;
        const double straight =
            (normal[0] * light[0] + normal[1] * light[1] + normal[2] * light[2]) / length;
        const double lit = straight > 0 ? straight : 0.0;
        sums[l] += level(fields.albedo[t] * (fields.ambient + fields.diffuse * lit));
    }
}

}  // namespace

extern "C" int rasteriser_render(const Fields &fields, int64_t, Team) try {
    const int64_t side = fields.side, width = side * kSamples;
    std::vector<int32_t> owner(width * width, -1);
    std::vector<float> nearest(width * width, -std::numeric_limits<float>::infinity());
    cover(fields, owner, nearest);
    const int64_t empty = level(fields.background), whole = kLevels * kSamples * kSamples;
    std::vector<int64_t> sums(fields.light_count);
    for (int64_t pixel = 0; pixel < side * side; ++pixel) {
        std::fill(sums.begin(), sums.end(), 0);
        for (int64_t sample = 0; sample < kSamples * kSamples; ++sample) {
            const int64_t column = pixel % side * kSamples + sample % kSamples;
            const int64_t row = pixel / side * kSamples + sample / kSamples;
            const int32_t t = owner[row * width + column];
            if (t >= 0)
                shade(fields, t, column, row, sums.data());
            else
                for (int64_t &sum : sums) sum += empty;
        }
        for (int64_t l = 0; l < fields.light_count; ++l)
            fields.pictures[l * side * side + pixel] = (255 * sums[l] + whole / 2) / whole;
    }
    return 0;
} catch (const std::exception &) {
    return 1;
}
