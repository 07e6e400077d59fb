// Pictures of a mesh: the nearest triangle at each sample, then its brightness under every light.
//
// Places are integers and the rest is double precision in a fixed order without contraction, so
// that NumPy's arrays give the same picture bit for bit.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace {

// as in scene.py
constexpr int64_t kSamples = 4;
constexpr int64_t kGridBits = 4;
constexpr int64_t kGrid = 1 << kGridBits;
constexpr int64_t kLevels = 65535;

struct Scene {
    int64_t side, width;
    const int32_t *points;     // (V, 2)
    const double *nearness;    // (V)
    const int32_t *triangles;  // (T, 3)
    const double *normals;     // (N, 3)
    const int32_t *corners;    // (T, 3), indices into the normals
    const double *albedo;      // (T)
    const double *lights;      // (L, 3)
    int64_t triangle_count, light_count;
    double ambient, diffuse, background;
};

// twice the signed areas at a sample: of what is opposite to corners 1 and 2, and of all
struct Edges {
    int64_t x0, y0, x1, y1, x2, y2, area;

    Edges(const Scene &scene, const int32_t *corner) {
        const int32_t *a = scene.points + 2 * int64_t{corner[0]};
        const int32_t *b = scene.points + 2 * int64_t{corner[1]};
        const int32_t *c = scene.points + 2 * int64_t{corner[2]};
        x0 = a[0], y0 = a[1];
        x1 = b[0] - x0, y1 = b[1] - y0;
        x2 = c[0] - x0, y2 = c[1] - y0;
        area = x1 * y2 - y1 * x2;
    }
    int64_t first(int64_t x, int64_t y) const { return (x - x0) * y2 - (y - y0) * x2; }
    int64_t second(int64_t x, int64_t y) const { return x1 * (y - y0) - y1 * (x - x0); }
};

// samples lie in the middle of their cells; both round outwards by a shift, so that -1 / 16 is -1
int64_t first_from(int64_t place) { return (place + kGrid / 2 - 1) >> kGridBits; }
int64_t last_to(int64_t place) { return (place - kGrid / 2) >> kGridBits; }

void cover(const Scene &scene, std::vector<int32_t> &owner, std::vector<float> &nearest) {
    const int64_t half = kGrid / 2, width = scene.width;
    for (int64_t t = 0; t < scene.triangle_count; ++t) {
        const int32_t *corner = scene.triangles + 3 * t;
        const Edges edges(scene, corner);
        const int64_t left = std::min({int64_t{0}, edges.x1, edges.x2});
        const int64_t right = std::max({int64_t{0}, edges.x1, edges.x2});
        const int64_t top = std::min({int64_t{0}, edges.y1, edges.y2});
        const int64_t bottom = std::max({int64_t{0}, edges.y1, edges.y2});
        const int64_t from = std::max<int64_t>(first_from(edges.x0 + left), 0);
        const int64_t to = std::min(last_to(edges.x0 + right), width - 1);
        const int64_t above = std::max<int64_t>(first_from(edges.y0 + top), 0);
        const int64_t below = std::min(last_to(edges.y0 + bottom), width - 1);
        if (edges.area == 0 || from > to || above > below) continue;
        const double near = scene.nearness[corner[0]];
        const double rise1 = (scene.nearness[corner[1]] - near) / edges.area;
        const double rise2 = (scene.nearness[corner[2]] - near) / edges.area;
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

// adds the brightness of one sample under every light
void shade(const Scene &scene, int64_t t, int64_t column, int64_t row, int64_t *sums) {
    const int64_t half = kGrid / 2;
    const Edges edges(scene, scene.triangles + 3 * t);
    const int64_t x = column * kGrid + half, y = row * kGrid + half;
    const double share1 = static_cast<double>(edges.first(x, y)) / edges.area;
    const double share2 = static_cast<double>(edges.second(x, y)) / edges.area;
    const double share0 = 1.0 - share1 - share2;
    double normal[3];
    const int32_t *corner = scene.corners + 3 * t;
    for (int i = 0; i < 3; ++i)
        normal[i] = share0 * scene.normals[3 * int64_t{corner[0]} + i] +
                    share1 * scene.normals[3 * int64_t{corner[1]} + i] +
                    share2 * scene.normals[3 * int64_t{corner[2]} + i];
    double length =
        std::sqrt(normal[0] * normal[0] + normal[1] * normal[1] + normal[2] * normal[2]);
    // a triangle seen from behind is lit from behind
    if (edges.area > 0) length = -length;
    for (int64_t l = 0; l < scene.light_count; ++l) {
        const double *light = scene.lights + 3 * l;
        const double straight =
            (normal[0] * light[0] + normal[1] * light[1] + normal[2] * light[2]) / length;
        const double lit = straight > 0 ? straight : 0.0;
        sums[l] += level(scene.albedo[t] * (scene.ambient + scene.diffuse * lit));
    }
}

}  // namespace

// Returns 0, or 1 where memory could not be had.
extern "C" int render_mesh(int64_t side, const int32_t *points, const double *nearness,
                           const int32_t *triangles, const double *normals,
                           const int32_t *corners, const double *albedo, int64_t triangle_count,
                           const double *lights, int64_t light_count, double ambient,
                           double diffuse, double background, uint8_t *pictures) try {
    const int64_t width = side * kSamples;
    const Scene scene = {side,    width,  points, nearness,       triangles,   normals, corners,
                         albedo,  lights, triangle_count, light_count, ambient, diffuse, background};
    std::vector<int32_t> owner(width * width, -1);
    std::vector<float> nearest(width * width, -std::numeric_limits<float>::infinity());
    cover(scene, owner, nearest);
    const int64_t empty = level(background), whole = kLevels * kSamples * kSamples;
    std::vector<int64_t> sums(light_count);
    for (int64_t pixel = 0; pixel < side * side; ++pixel) {
        std::fill(sums.begin(), sums.end(), 0);
        for (int64_t sample = 0; sample < kSamples * kSamples; ++sample) {
            const int64_t column = pixel % side * kSamples + sample % kSamples;
            const int64_t row = pixel / side * kSamples + sample / kSamples;
            const int32_t t = owner[row * width + column];
            if (t >= 0)
                shade(scene, t, column, row, sums.data());
            else
                for (int64_t &sum : sums) sum += empty;
        }
        for (int64_t l = 0; l < light_count; ++l)
            pictures[l * side * side + pixel] = (255 * sums[l] + whole / 2) / whole;
    }
    return 0;
} catch (...) {
    return 1;
}
