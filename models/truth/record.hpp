// Ground truth, the writers' face: whose bytes lie where, what really moved, what really ran.
//
// Every place that holds bytes (a VM's memory, a disk) is a region. Models say what happens to its bytes: a workload wrote
// them, they were copied from elsewhere, they were cleared; the taint of each single byte follows. A workload is named by its
// label. What is recorded here decides nothing: models write, and only tests, attacks and reports read (truth/read.hpp).
//
// Invariant  a copied byte carries exactly the taint of its original; a cleared byte carries none.
// Cost       two bytes of shadow per byte of a touched 4 KiB page; one row of `truth_flows` per flow edge.
// Threads    the engine's.
// Leaves out covert channels, and bytes that a guest derives from others (models/CAVEATS.md#truth).
// Source     Dynamic taint tracking, at the granularity of bytes copied.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "sim/base/ids.hpp"
#include "sim/base/units.hpp"
#include "sim/trace/trace.hpp"

namespace tvdsim::models {

using RegionId = sim::Id<struct RegionTag>;

enum class Medium : std::uint8_t { page, event, disk, frame };
using FrameFlowId = sim::Id<struct FrameFlowTag>;  // an edge that frames repeat
std::string_view to_text(Medium) noexcept;

class TruthReader;

class Truth {
 public:
  explicit Truth(sim::Trace& trace);
  ~Truth();
  Truth(const Truth&) = delete;
  Truth& operator=(const Truth&) = delete;

  RegionId add_region(std::string_view name);

  // What happens to bytes.
  void wrote(RegionId region, std::uint64_t offset, std::uint64_t size, std::string_view workload);
  void copied(RegionId from, std::uint64_t from_offset, RegionId to, std::uint64_t to_offset,
              std::uint64_t size);
  void cleared(RegionId region);
  void cleared_page(RegionId region, std::uint64_t page);  // of 4 KiB

  // Information moved from one party to another: the bytes at `offset` of `carrier`, whose taint is looked up there.
  void flow(sim::Time when, std::string_view source, std::string_view target, Medium medium, RegionId carrier,
            std::uint64_t offset, std::uint64_t size);
  // So many signals without bytes.
  void signal(sim::Time when, std::string_view source, std::string_view target, std::string_view workload,
              std::uint64_t count);
  // A frame with bytes of `workload` reached `target`: the first one makes the edge and its row …
  FrameFlowId frame(sim::Time when, std::string_view source, std::string_view target,
                    std::string_view workload, std::uint64_t size);
  // … and each further one between the two is added to the edge.
  void frame_again(FrameFlowId flow, sim::Time when, std::uint64_t size) noexcept;

  // A copy of the VM is runnable on the host from now on; no longer.
  void runs(sim::Time when, std::string_view vm, std::string_view host, std::string_view workload);
  void halts(sim::Time when, std::string_view vm, std::string_view host);
  // A domain drives a native device from now on; no longer.
  void drives(sim::Time when, std::string_view vm, std::string_view device);
  void releases(sim::Time when, std::string_view vm, std::string_view device);

  // digest: SHA-256 of the bytes that ran, hex.
  void executed(sim::Time when, std::string_view entity, std::string_view code, std::string_view digest = {});
  void compromised(sim::Time when, std::string_view entity, std::string_view cause);

  const TruthReader& reader() const noexcept;

  struct Books;

 private:
  std::unique_ptr<Books> books_;
  std::unique_ptr<TruthReader> reader_;
};

}  // namespace tvdsim::models
