// Work cut into a fixed number of parts, whose sums are added in order: the result does not depend
// on the number of threads.

#pragma once

#include <atomic>
#include <cstdint>
#include <system_error>
#include <thread>
#include <vector>

namespace {

constexpr int64_t kParts = 64;

struct Span {
    int64_t first, last;
};

inline Span part_of(int64_t count, int64_t part) {
    return {count * part / kParts, count * (part + 1) / kParts};
}

// GOMP_parallel of the OpenMP that torch runs on
typedef void (*Team)(void (*)(void *), void *, unsigned, unsigned);

// work(worker, part) for every part, by so many threads: a team's if there is one
template <class Work>
void in_parts(int64_t threads, Team team, Work work) {
    struct Shared {
        Work work;
        std::atomic<int64_t> worker = 0, part = 0;
    } shared{work};
    const auto take = [](void *data) {
        Shared &shared = *static_cast<Shared *>(data);
        const int64_t worker = shared.worker++;
        for (int64_t part; (part = shared.part++) < kParts;) shared.work(worker, part);
    };
    if (team && threads > 1) return team(take, &shared, static_cast<unsigned>(threads), 0);
    std::vector<std::thread> crew;
    try {
        while (static_cast<int64_t>(crew.size()) + 1 < threads) crew.emplace_back(take, &shared);
    } catch (const std::system_error &) {  // no thread to be had: the others do its work
    }
    take(&shared);
    for (std::thread &member : crew) member.join();
}

}  // namespace
