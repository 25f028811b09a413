#include "vtpm/device/fleet_work.hpp"

#include <exception>
#include <thread>

namespace tvdsim::vtpm {
namespace {

struct Failure {
  std::size_t index = 0;
  std::exception_ptr what;
};

}  // namespace

void for_each_tpm(const TpmFleet& fleet, std::span<const TpmId> tpms,
                  const std::function<void(std::size_t index)>& work) {
  std::vector<Failure> failures(fleet.workers());
  const auto visit = [&](unsigned home) {
    for (std::size_t i = 0; i < tpms.size(); ++i) {
      if (fleet.home(tpms[i]) != home) continue;
      try {
        work(i);
      } catch (...) {
        failures[home] = {i, std::current_exception()};
        return;
      }
    }
  };
  {
    std::vector<std::jthread> threads;
    for (unsigned home = 1; home < fleet.workers(); ++home) threads.emplace_back(visit, home);
    visit(0);
  }
  const Failure* first = nullptr;
  for (const Failure& failure : failures) {
    if (failure.what && (!first || failure.index < first->index)) first = &failure;
  }
  if (first) std::rethrow_exception(first->what);
}

}  // namespace tvdsim::vtpm
