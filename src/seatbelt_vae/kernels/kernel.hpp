// Declarations of a kernel's fields and passes, and the thread strategy of all kernels.
//
// A pass is cut into a fixed number of parts and the sums of the parts are added in order, so the
// result does not depend on the number of threads.

#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <system_error>
#include <thread>
#include <vector>

#include "lanes.hpp"

// Declares the struct `Fields` and exports its text. `kernel.py` builds its ctypes structure from that
// text, so the order and the types of the fields are written once.
#define FIELDS(kernel, ...)         \
    namespace {                     \
    struct Fields {                 \
        __VA_ARGS__                 \
    };                              \
    }                               \
    extern "C" const char *kernel##_fields() { return #__VA_ARGS__; }

// Exports `kernel_pass` for the function `pass<Number>(fields, room, part)`. `room` is the number of
// floats that every thread needs of its own. The pass returns 0, or 1 if memory ran out.
#define PASS(kernel, pass, room)                                                              \
    namespace {                                                                               \
    FOR_EACH_PROCESSOR void pass##_float32(const Fields &fields, float *own, int64_t part) {  \
        pass<float>(fields, own, part);                                                       \
    }                                                                                         \
    FOR_EACH_PROCESSOR void pass##_bfloat16(const Fields &fields, float *own, int64_t part) { \
        pass<Bfloat16>(fields, own, part);                                                    \
    }                                                                                         \
    }                                                                                         \
    extern "C" int kernel##_##pass(const Fields &fields, int64_t threads, Team team) {        \
        return in_parts(threads, team, room, [&](float *own, int64_t part) {                  \
            fields.bfloat16 ? pass##_bfloat16(fields, own, part)                              \
                            : pass##_float32(fields, own, part);                              \
        });                                                                                   \
    }

namespace {

constexpr int64_t kParts = 64;

struct Span {
    int64_t first, last;
};

inline Span part_of(int64_t count, int64_t part) {
    return {count * part / kParts, count * (part + 1) / kParts};
}

// GOMP_parallel of the OpenMP runtime that torch uses
typedef void (*Team)(void (*)(void *), void *, unsigned, unsigned);

// Calls work(own, part) for every part, on torch's threads if `team` is given, else on new ones.
// `own` points to `room` floats that no other thread uses.
template <class Work>
int in_parts(int64_t threads, Team team, int64_t room, Work work) try {
    threads = std::clamp<int64_t>(threads, 1, kParts);
    std::vector<float> rooms(threads * room);
    struct Shared {
        Work &work;
        float *rooms;
        int64_t room;
        std::atomic<int64_t> thread = 0, part = 0;
    } shared{work, rooms.data(), room};
    const auto take = [](void *data) {
        Shared &shared = *static_cast<Shared *>(data);
        float *own = shared.rooms + shared.thread++ * shared.room;
        for (int64_t part; (part = shared.part++) < kParts;) shared.work(own, part);
    };
    if (team && threads > 1) {
        team(take, &shared, static_cast<unsigned>(threads), 0);
        return 0;
    }
    std::vector<std::thread> others;
    others.reserve(threads);
    try {
        while (static_cast<int64_t>(others.size()) + 1 < threads) others.emplace_back(take, &shared);
    } catch (const std::system_error &) {  // no more threads: the existing ones do all parts
    }
    take(&shared);
    for (std::thread &other : others) other.join();
    return 0;
} catch (const std::exception &) {
    return 1;
}

}  // namespace
