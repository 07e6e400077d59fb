// Log-densities of samples under mixtures of Gaussians, jointly and unit by unit, and the gradient
// of their difference, the total correlation. One exponential per (sample, component, unit) serves
// value and gradient. Memory is O(M d); no array of size K M d or K M exists.
//
// Exponents are formed from differences z − μ. Expanding the square would lose the value where σ is
// small or means are far. Threads split the joint part by samples and the marginal part by units, so
// the result does not depend on their number.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#include "exponential.hpp"
#include "kernel.hpp"

FIELDS(mixtures,
    int64_t samples, components, units, exceptions;
    double log_weight;                   // of every component that is no exception
    const float *z;                      // (K, d)
    const float *mean, *log_variance;    // (M, d)
    const int32_t *columns;              // (K, E): components of another weight
    const double *log_others;            // (K, E): their log-weights
    double *joint, *marginals;           // (K) and (K, d)
    float *of_z, *of_mean, *of_log_variance;  // (K, d), (M, d), (M, d); null without gradients
)

namespace {

constexpr int64_t kTile = 64;      // samples whose joint part is held at once
constexpr int64_t kTogether = 8;   // samples that share one reading of the components
constexpr float kLargest = 3.40282347e38f;
constexpr double kLog2Pi = 1.83787706640934548;
// a smaller sum has lost digits to underflow
constexpr float kUnderflow = 1.17549435e-38f / 1.1920929e-7f;

struct Problem {
    const Fields &fields;
    int64_t padded;  // M rounded up to whole vectors
    // (d, padded) each, so that components are adjacent in memory
    std::vector<float> mean, half_precision, log_peak;
    std::vector<float> sum_of_log_peaks;  // (padded), over units
    std::vector<float> highest;           // (d), the largest peak of each unit
    std::vector<char> undefined;          // (d), whether a density of the unit is NaN everywhere
    std::vector<float> weight, share;     // (kTile, padded)
    std::vector<double> top_weight;       // (kTile)

    explicit Problem(const Fields &given)
        : fields(given), padded((given.components + kLanes - 1) / kLanes * kLanes),
          mean(given.units * padded), half_precision(given.units * padded),
          log_peak(given.units * padded), sum_of_log_peaks(padded),
          highest(given.units, -INFINITY), undefined(given.units), weight(kTile * padded),
          share(kTile * padded), top_weight(kTile) {
        for (int64_t m = 0; m < fields.components; ++m) {
            double peaks = 0;
            for (int64_t j = 0; j < fields.units; ++j) {
                const float log_var = fields.log_variance[m * fields.units + j];
                const float peak = -0.5 * (log_var + kLog2Pi);
                const int64_t at = j * padded + m;
                mean[at] = fields.mean[m * fields.units + j];
                half_precision[at] = std::min(0.5f * std::exp(-log_var), kLargest);
                log_peak[at] = peak;
                highest[j] = std::max(highest[j], peak);
                undefined[j] |= std::isnan(mean[at]) || !(peak < INFINITY);
                peaks += peak;
            }
            sum_of_log_peaks[m] = peaks;
        }
    }

    // Whether the log-density of a sample is NaN under some component. `exp2_of` would turn a NaN
    // into a finite number.
    bool is_undefined(int64_t unit, float z) const {
        if (undefined[unit] || std::isnan(z)) return true;
        const float *means = &mean[unit * padded];
        return std::isinf(z) && std::count(means, means + fields.components, z) > 0;
    }
};

// log-densities of `together` samples under every component, over all units
FOR_EACH_PROCESSOR
void joint_densities(const Problem &problem, const float *z, int64_t together, float *found) {
    const int64_t padded = problem.padded, units = problem.fields.units;
    for (int64_t m = 0; m < padded; m += kLanes) {
        Floats sums[kTogether] = {};
        for (int64_t j = 0; j < units; ++j) {
            const Floats mean = load(&problem.mean[j * padded + m]);
            const Floats half = load(&problem.half_precision[j * padded + m]);
            for (int64_t k = 0; k < kTogether; ++k) {
                const Floats difference = z[std::min(k, together - 1) * units + j] - mean;
                sums[k] += half * difference * difference;
            }
        }
        const Floats peaks = load(&problem.sum_of_log_peaks[m]);
        for (int64_t k = 0; k < together; ++k) store(&found[k * padded + m], peaks - sums[k]);
    }
}

// Turns the log-densities of one sample into its posterior over components; returns the log of their sum.
FOR_EACH_PROCESSOR
double normalise(const Problem &problem, const float *weight, double top_weight, float *row) {
    const int64_t padded = problem.padded;
    float highest = -INFINITY;
    for (int64_t m = 0; m < problem.fields.components; ++m)
        if (weight[m] > 0) highest = std::max(highest, row[m]);
    if (highest == -INFINITY) {  // no component has any weight
        std::fill_n(row, padded, 0.f);
        return -INFINITY;
    }
    Total total;
    for (int64_t m = 0; m < padded; m += kLanes) {
        const Floats mass = finite_exp_of(load(&row[m]) - highest) * load(&weight[m]);
        store(&row[m], mass);
        total.add(mass);
    }
    const float all = total.sum(), inverse = 1 / all;
    for (int64_t m = 0; m < padded; m += kLanes) store(&row[m], load(&row[m]) * inverse);
    return highest + top_weight + std::log(static_cast<double>(all));
}

struct Sums {
    float *mass, *of_mean, *of_log_variance;  // (M padded) each, room for one unit
};

template <bool kFar>
INLINE float masses(const Problem &problem, int64_t at, float z, const float *weight, float shift,
                    float *mass) {
    Total total;
    for (int64_t m = 0; m < problem.padded; m += kLanes) {
        const Floats difference = z - load(&problem.mean[at + m]);
        const Floats half = load(&problem.half_precision[at + m]);
        const Floats peak = load(&problem.log_peak[at + m]);
        const Floats exponent = peak - shift - half * difference * difference;
        const Floats found = (kFar ? finite_exp_of(exponent) : exp_of(exponent)) * load(&weight[m]);
        store(&mass[m], found);
        total.add(found);
    }
    return total.sum();
}

INLINE float true_shift(const Problem &problem, int64_t at, float z, const float *weight) {
    float highest = -INFINITY;
    for (int64_t m = 0; m < problem.fields.components; ++m) {
        const float difference = z - problem.mean[at + m];
        const float found =
            problem.log_peak[at + m] - problem.half_precision[at + m] * difference * difference;
        if (weight[m] > 0) highest = std::max(highest, found + std::log(weight[m]));
    }
    return highest;
}

// Computes one unit of a tile of samples: log-densities of the mixture, and gradients of the tile.
FOR_EACH_PROCESSOR
void unit_of_tile(Problem &problem, int64_t unit, int64_t first, int64_t count, Sums sums) {
    const Fields &fields = problem.fields;
    const int64_t padded = problem.padded, units = fields.units, at = unit * padded;
    const bool gradients = fields.of_z != nullptr;
    if (gradients) {
        std::memset(sums.of_mean, 0, sizeof(float) * padded);
        std::memset(sums.of_log_variance, 0, sizeof(float) * padded);
    }
    for (int64_t k = 0; k < count; ++k) {
        const float z = fields.z[(first + k) * units + unit];
        const float *weight = &problem.weight[k * padded];
        float shift = problem.highest[unit];
        float total = masses<false>(problem, at, z, weight, shift, sums.mass);
        if (!(total >= kUnderflow)) {
            // the sample is so far from every component that all underflow: find the true maximum
            shift = true_shift(problem, at, z, weight);
            if (shift > -INFINITY) {
                total = masses<true>(problem, at, z, weight, shift, sums.mass);
            } else {  // every component has weight 0 or is infinitely far
                shift = total = 0;
                std::fill_n(sums.mass, padded, 0.f);
            }
        }
        double &marginal = fields.marginals[(first + k) * units + unit];
        marginal = shift + problem.top_weight[k] + std::log(static_cast<double>(total));
        if (problem.is_undefined(unit, z)) marginal = NAN;
        if (!gradients) continue;
        const float *share = &problem.share[k * padded];
        const float inverse = 1 / total;
        Total pull;
        for (int64_t m = 0; m < padded; m += kLanes) {
            const Floats difference = z - load(&problem.mean[at + m]);
            const Floats surplus = load(&share[m]) - load(&sums.mass[m]) * inverse;
            const Floats moved = surplus * difference;
            const Floats scaled = moved * load(&problem.half_precision[at + m]);
            pull.add(scaled);
            store(&sums.of_mean[m], load(&sums.of_mean[m]) + scaled);
            store(&sums.of_log_variance[m],
                  load(&sums.of_log_variance[m]) + (scaled * difference - 0.5f * surplus));
        }
        fields.of_z[(first + k) * units + unit] = -2 * pull.sum();
    }
    if (!gradients) return;
    for (int64_t m = 0; m < fields.components; ++m) {
        fields.of_mean[m * units + unit] += 2 * sums.of_mean[m];
        fields.of_log_variance[m * units + unit] += sums.of_log_variance[m];
    }
}

// Writes the weights of one sample relative to its largest, whose logarithm it returns; NaN if one
// of them is.
double weigh(const Fields &fields, int64_t sample, float *weight) {
    const int64_t count = fields.exceptions;
    const int32_t *columns = fields.columns + sample * count;
    const double *others = fields.log_others + sample * count;
    double top = fields.log_weight;
    for (int64_t e = 0; e < count; ++e)
        if (others[e] > top || std::isnan(others[e])) top = others[e];
    std::fill_n(weight, fields.components, std::exp(fields.log_weight - top));
    for (int64_t e = 0; e < count; ++e) weight[columns[e]] = std::exp(others[e] - top);
    return top;
}

// Makes the thread treat subnormal numbers as 0 while it lives. The share of a far component is
// subnormal, adds nothing, and slows some processors down five times.
class WithoutSubnormals {
#if defined(__x86_64__)
    static constexpr unsigned kFlush = 0x8040;  // results to zero, and operands
    const unsigned before = _mm_getcsr();

  public:
    WithoutSubnormals() { _mm_setcsr(before | kFlush); }
    ~WithoutSubnormals() { _mm_setcsr(before); }
#endif
};

// Computes the joint part of up to kTogether samples of a tile, from sample `k` of the tile on.
void joint_of_tile(Problem &problem, int64_t first, int64_t k, int64_t count) {
    const Fields &fields = problem.fields;
    const int64_t padded = problem.padded, block = std::min(kTogether, count - k);
    float *rows = &problem.share[k * padded];
    joint_densities(problem, fields.z + (first + k) * fields.units, block, rows);
    for (int64_t b = 0; b < block; ++b) {
        float *weight = &problem.weight[(k + b) * padded];
        const int64_t sample = first + k + b;
        const double top = problem.top_weight[k + b] = weigh(fields, sample, weight);
        double &joint = fields.joint[sample];
        joint = normalise(problem, weight, top, rows + b * padded);
        bool undefined = std::isnan(top);
        for (int64_t j = 0; j < fields.units; ++j)
            undefined |= problem.is_undefined(j, fields.z[sample * fields.units + j]);
        if (undefined) joint = NAN;
        // an undefined sample makes every gradient NaN
        if (std::isnan(joint)) std::fill_n(rows + b * padded, padded, NAN);
    }
}

int log_densities(const Fields &fields, int64_t threads, Team team) try {
    Problem problem(fields);
    if (fields.of_z) {
        std::fill_n(fields.of_mean, fields.components * fields.units, 0.f);
        std::fill_n(fields.of_log_variance, fields.components * fields.units, 0.f);
    }
    int failed = 0;
    for (int64_t first = 0; first < fields.samples; first += kTile) {
        const int64_t count = std::min(kTile, fields.samples - first);
        const int64_t blocks = (count + kTogether - 1) / kTogether;
        failed |= in_parts(std::min(threads, blocks), team, 0, [&](float *, int64_t part) {
            const WithoutSubnormals fast;
            const auto [from, to] = part_of(blocks, part);
            for (int64_t block = from; block < to; ++block)
                joint_of_tile(problem, first, block * kTogether, count);
        });
        failed |= in_parts(std::min(threads, fields.units), team, 3 * problem.padded,
                           [&](float *own, int64_t part) {
            const WithoutSubnormals fast;
            const Sums sums = {own, own + problem.padded, own + 2 * problem.padded};
            const auto [from, to] = part_of(fields.units, part);
            for (int64_t unit = from; unit < to; ++unit)
                unit_of_tile(problem, unit, first, count, sums);
        });
    }
    return failed;
} catch (const std::exception &) {
    return 1;
}

}  // namespace

extern "C" int mixtures_values(const Fields &fields, int64_t threads, Team team) {
    return log_densities(fields, threads, team);
}

extern "C" int mixtures_gradients(const Fields &fields, int64_t threads, Team team) {
    return log_densities(fields, threads, team);
}
