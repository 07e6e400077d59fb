// Log-densities of samples under mixtures of Gaussians, jointly and unit by unit, and the gradient
// of their difference, the total correlation. One exponential per (sample, component, unit) serves
// value and gradient. Memory is O(M d); nothing of size K M d is ever made, nor of size K M.
//
// Exponents are formed from differences z - mu, never by expanding the square, which would lose
// the value where sigma is small or means are far. The unit-by-unit part is split among threads by
// units and the joint part by samples, so the result does not depend on the number of threads.

#include <algorithm>
#include <barrier>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <future>
#include <optional>
#include <system_error>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#include "lanes.hpp"

namespace {

constexpr int64_t kTile = 64;      // samples whose joint part is held at once
constexpr int64_t kTogether = 8;   // samples that share one reading of the components
constexpr float kLowest = -126.f;  // exponents of two below this leave the normal numbers
constexpr float kMost = 80.f;      // exp of this is finite
constexpr float kLog2E = 1.44269504088896341f;
constexpr double kLog2Pi = 1.83787706640934548;
// what is left of a sum below this has lost digits to underflow
constexpr float kUnderflow = 1.17549435e-38f / 1.1920929e-7f;

// 2^t to one unit in the last place: an integer part for the exponent's bits, and a polynomial
// of least largest error for the rest, in [-1/2, 1/2]
INLINE Floats exp2_of(Floats t) {
    t = if_negative(t - kLowest, Floats{} + kLowest, t);
    const Floats shifted = t + 12582912.f;  // 1.5 * 2^23: the sum's last bits are the integer part
    const Floats rest = t - (shifted - 12582912.f);
    Floats power = rest * 1.53533618e-4f + 1.33988745e-3f;
    power = power * rest + 9.61843736e-3f;
    power = power * rest + 5.55033247e-2f;
    power = power * rest + 2.40226479e-1f;
    power = power * rest + 6.93147203e-1f;
    power = power * rest + 1.0f;
    Ints bits, exponent;
    std::memcpy(&bits, &power, sizeof bits);
    std::memcpy(&exponent, &shifted, sizeof exponent);
    bits += exponent << 23;
    std::memcpy(&power, &bits, sizeof power);
    return power;
}

INLINE Floats exp_of(Floats x) { return exp2_of(x * kLog2E); }

// where a component of no weight, or one that only fills the lanes, may lie nearer than all others:
// 0 times its exponential must be 0
INLINE Floats finite_exp_of(Floats x) {
    return exp_of(if_negative(x - kMost, x, Floats{} + kMost));
}

struct Problem {
    int64_t samples, components, units, padded;
    const float *z;  // (K, d)
    // (d, M padded) each, so that components lie side by side
    std::vector<float> mean, half_precision, log_peak;
    std::vector<float> sum_of_log_peaks;  // (M padded), over units
    std::vector<float> highest;           // (d), the largest peak of each unit
    double log_weight;
    const int32_t *columns;   // (K, E): components of another weight
    const double *exceptions; // (K, E): their log-weights
    int64_t exception_count;
    double *log_joint;     // (K)
    double *log_marginals; // (K, d)
    float *grad_z, *grad_mean, *grad_log_variance; // (K, d), (M, d), (M, d); or null
    std::vector<float> weight, share;              // (kTile, M padded)
    std::vector<double> top_weight;                // (kTile)
};

void transpose(Problem &problem, const float *mean, const float *log_variance) {
    const int64_t padded = problem.padded, units = problem.units;
    const size_t size = static_cast<size_t>(units * padded);
    problem.mean.assign(size, 0.f);
    problem.half_precision.assign(size, 0.f);
    problem.log_peak.assign(size, 0.f);
    problem.sum_of_log_peaks.assign(padded, 0.f);
    problem.highest.assign(units, -INFINITY);
    for (int64_t m = 0; m < problem.components; ++m) {
        double peaks = 0;
        for (int64_t j = 0; j < units; ++j) {
            const float log_var = log_variance[m * units + j];
            const float peak = -0.5 * (log_var + kLog2Pi);
            problem.mean[j * padded + m] = mean[m * units + j];
            problem.half_precision[j * padded + m] = 0.5f * std::exp(-log_var);
            problem.log_peak[j * padded + m] = peak;
            problem.highest[j] = std::max(problem.highest[j], peak);
            peaks += peak;
        }
        problem.sum_of_log_peaks[m] = peaks;
    }
}

// log-densities of `together` samples under every component, over all units
FOR_EACH_PROCESSOR
void joint_densities(const Problem &problem, const float *z, int64_t together, float *found) {
    const int64_t padded = problem.padded, units = problem.units;
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

// from log-densities of one sample to its posterior over components, and log sum
FOR_EACH_PROCESSOR
double normalise(const Problem &problem, const float *weight, double top_weight, float *row) {
    const int64_t padded = problem.padded;
    float highest = -INFINITY;
    for (int64_t m = 0; m < problem.components; ++m)
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
    for (int64_t m = 0; m < problem.components; ++m) {
        const float difference = z - problem.mean[at + m];
        const float found =
            problem.log_peak[at + m] - problem.half_precision[at + m] * difference * difference;
        if (weight[m] > 0) highest = std::max(highest, found + std::log(weight[m]));
    }
    return highest;
}

// one unit of a tile of samples: log-densities of the mixture, and gradients of the tile
FOR_EACH_PROCESSOR
void unit_of_tile(Problem &problem, int64_t unit, int64_t first, int64_t count, Sums sums) {
    const int64_t padded = problem.padded, units = problem.units, at = unit * padded;
    const bool gradients = problem.grad_z != nullptr;
    if (gradients) {
        std::memset(sums.of_mean, 0, sizeof(float) * padded);
        std::memset(sums.of_log_variance, 0, sizeof(float) * padded);
    }
    for (int64_t k = 0; k < count; ++k) {
        const float z = problem.z[(first + k) * units + unit];
        const float *weight = &problem.weight[k * padded];
        float shift = problem.highest[unit];
        float total = masses<false>(problem, at, z, weight, shift, sums.mass);
        if (!(total >= kUnderflow)) {
            // the sample is so far from every component that all underflow: find the true maximum
            shift = true_shift(problem, at, z, weight);
            if (shift == -INFINITY) shift = 0;  // no component has any weight: the log is -inf
            total = masses<true>(problem, at, z, weight, shift, sums.mass);
        }
        problem.log_marginals[(first + k) * units + unit] =
            shift + problem.top_weight[k] + std::log(static_cast<double>(total));
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
        problem.grad_z[(first + k) * units + unit] = -2 * pull.sum();
    }
    if (!gradients) return;
    for (int64_t m = 0; m < problem.components; ++m) {
        problem.grad_mean[m * units + unit] += 2 * sums.of_mean[m];
        problem.grad_log_variance[m * units + unit] += sums.of_log_variance[m];
    }
}

// weights of one sample relative to its largest, which is returned as a logarithm
double weigh(const Problem &problem, int64_t sample, float *weight) {
    const int64_t count = problem.exception_count;
    const int32_t *columns = problem.columns + sample * count;
    const double *others = problem.exceptions + sample * count;
    double top = problem.log_weight;
    for (int64_t e = 0; e < count; ++e) top = std::max(top, others[e]);
    std::fill_n(weight, problem.components, std::exp(problem.log_weight - top));
    for (int64_t e = 0; e < count; ++e) weight[columns[e]] = std::exp(others[e] - top);
    return top;
}

void work(Problem &problem, float *room, int64_t worker, int64_t workers,
          std::barrier<> &together) {
    const int64_t padded = problem.padded, units = problem.units;
    const Sums sums = {room, room + padded, room + 2 * padded};
    for (int64_t first = 0; first < problem.samples; first += kTile) {
        const int64_t count = std::min(kTile, problem.samples - first);
        for (int64_t k = worker * kTogether; k < count; k += workers * kTogether) {
            const int64_t block = std::min(kTogether, count - k);
            float *rows = &problem.share[k * padded];
            joint_densities(problem, problem.z + (first + k) * units, block, rows);
            for (int64_t b = 0; b < block; ++b) {
                float *weight = &problem.weight[(k + b) * padded];
                problem.top_weight[k + b] = weigh(problem, first + k + b, weight);
                problem.log_joint[first + k + b] =
                    normalise(problem, weight, problem.top_weight[k + b], rows + b * padded);
            }
        }
        together.arrive_and_wait();
        for (int64_t unit = worker; unit < units; unit += workers)
            unit_of_tile(problem, unit, first, count, sums);
        together.arrive_and_wait();
    }
}

// Numbers below the normal ones are 0 to a thread for as long as this lives. A far component's share
// is such a number, adds nothing, and makes some processors five times slower.
class WithoutSubnormals {
#if defined(__x86_64__)
    static constexpr unsigned kFlush = 0x8040;  // results to zero, and operands
    const unsigned before = _mm_getcsr();

  public:
    WithoutSubnormals() { _mm_setcsr(before | kFlush); }
    ~WithoutSubnormals() { _mm_setcsr(before); }
#endif
};

// all of it, by up to `wanted` threads: as many as the machine grants
void run(Problem &problem, int64_t wanted) {
    std::vector<float> room(wanted * 3 * problem.padded, 0.f);
    std::promise<int64_t> decision;
    std::shared_future<int64_t> decided(decision.get_future());
    std::optional<std::barrier<>> together;
    std::vector<std::thread> others;
    others.reserve(wanted - 1);
    const auto part = [&](int64_t worker) {
        const int64_t workers = decided.get();
        const WithoutSubnormals fast;
        work(problem, &room[worker * 3 * problem.padded], worker, workers, *together);
    };
    try {
        for (int64_t worker = 1; worker < wanted; ++worker) others.emplace_back(part, worker);
    } catch (const std::system_error &) {
        // fewer threads do the same
    }
    together.emplace(others.size() + 1);
    decision.set_value(others.size() + 1);
    part(0);
    for (std::thread &other : others) other.join();
}

}  // namespace

// Gradients are of sum_k (log joint - sum over units of log marginals); null pointers leave them
// out. Returns 0, or 1 where memory could not be had.
extern "C" int log_mixtures(const float *z, const float *mean, const float *log_variance,
                            int64_t samples, int64_t components, int64_t units, double log_weight,
                            const int32_t *columns, const double *exceptions,
                            int64_t exception_count, double *log_joint, double *log_marginals,
                            float *grad_z, float *grad_mean, float *grad_log_variance,
                            int64_t threads) try {
    Problem problem{};
    problem.samples = samples;
    problem.components = components;
    problem.units = units;
    problem.padded = (components + kLanes - 1) / kLanes * kLanes;
    problem.z = z;
    problem.log_weight = log_weight;
    problem.columns = columns;
    problem.exceptions = exceptions;
    problem.exception_count = exception_count;
    problem.log_joint = log_joint;
    problem.log_marginals = log_marginals;
    problem.grad_z = grad_z;
    problem.grad_mean = grad_mean;
    problem.grad_log_variance = grad_log_variance;
    transpose(problem, mean, log_variance);
    problem.weight.assign(kTile * problem.padded, 0.f);
    problem.share.assign(kTile * problem.padded, 0.f);
    problem.top_weight.assign(kTile, 0.0);
    run(problem, std::max<int64_t>(1, std::min(threads, units)));
    return 0;
} catch (...) {
    return 1;
}
