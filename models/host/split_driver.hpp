// Split drivers of one host: front-ends in VMs, back-ends in the control domain, a ring in a shared page between them.
//
// Kinds: vbd (virtual disk), vif (virtual network interface), vtpm. A front-end offers a link to the control domain and
// waits; it becomes active when the back-end has accepted it. Requests then travel through the ring as bytes: the back-end
// reads them from the mapped page, serves them, writes the answer back. When a back-end dies, exactly its front-ends are lost.
//
// Invariant  an active front-end has a complete link to the control domain and a live back-end of its kind.
// Cost       one link (four decisions) per front-end; two events per request.
// Threads    the engine's.
// Leaves out what a vif carries (netsim), multi-page rings, back-ends outside the control domain (models/CAVEATS.md#host).
// Source     seed 001 Fig. 6: VBDF/VBDB, VNDF/VNDB, vTPMF/vTPMB.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "models/host/hypervisor.hpp"
#include "models/host/ring.hpp"

namespace tvdsim::models {

enum class DeviceKind : std::uint8_t { vbd, vif, vtpm };
inline constexpr std::size_t kDeviceKinds = 3;
std::string_view to_text(DeviceKind) noexcept;
std::optional<DeviceKind> device_kind(std::string_view name) noexcept;

// What a front-end asks of its back-end, and the command it belongs to.
struct IoRequest {
  IoOp op{};
  std::uint32_t block = 0;
  std::vector<std::uint8_t> bytes;  // of a write or a command
  std::uint64_t correlation = 0;
  std::uint32_t pcr = 0;  // of a vTPM request: for the words of the answer
};

class SplitDrivers {
 public:
  enum class State : std::uint8_t { offline, announced, active, lost };
  struct FrontEnd {
    State state = State::offline;
    DeviceKind kind{};
    VmId vm;
    sim::DiskId disk;  // of a vbd
    VmId instance;     // of a vtpm: whose
    LinkId link;
    std::uint32_t generation = 0;      // of this place in the table: events of an earlier tenant are stale
    std::deque<IoRequest> waiting;     // no slot was free
    std::vector<IoRequest> in_flight;  // in the order of the ring
  };

  SplitDrivers(World& world, Machine& machine);

  // The control domain's hook for a disk: asks the hypervisor for the VM's label, reads the disk's label, consults the ACM.
  Hypervisor::Verdicted may_attach_disk(VmId vm, sim::DiskId disk, std::uint64_t correlation);
  Hypervisor::Verdicted may_attach_vtpm(VmId vm, VmId instance, std::uint64_t correlation);

  // Front-end half: its place and the offered link; it waits. On refusal nothing is left.
  Hypervisor::Opened announce(VmId vm, DeviceKind kind, sim::DiskId disk, VmId instance,
                              std::uint64_t correlation);
  // Back-end half: accepts the link; the front-end is active. Fails while the back-end is dead.
  Hypervisor::Opened serve(std::uint32_t front, std::uint64_t correlation);
  // Both; on failure nothing is left.
  Hypervisor::Opened connect(VmId vm, DeviceKind kind, sim::DiskId disk, VmId instance,
                             std::uint64_t correlation);
  // Every configured device of the VM, or none: disks, vif, vtpm. The resources were allowed before.
  Hypervisor::Opened connect_all(VmId vm, std::uint64_t correlation);
  void disconnect(std::uint32_t front);
  void disconnect_all(VmId vm);

  void kill_backend(DeviceKind kind);
  void restart_backend(DeviceKind kind, std::uint64_t correlation);
  bool alive(DeviceKind kind) const noexcept { return alive_[static_cast<std::size_t>(kind)]; }

  std::optional<std::uint32_t> find(VmId vm, DeviceKind kind, sim::DiskId disk = {}) const noexcept;
  const FrontEnd& front(std::uint32_t at) const { return fronts_.at(at); }
  const std::vector<FrontEnd>& fronts() const noexcept { return fronts_; }

  // The request's command is closed when its answer is there, or when the device is lost.
  void submit(std::uint32_t front, IoRequest request);
  void serve_ring(std::uint64_t event);    // the back-end looks; event: front-end and generation
  void take_answers(std::uint64_t event);  // the front-end looks

 private:
  std::uint32_t slots(DeviceKind kind) const noexcept { return kind == DeviceKind::vtpm ? 1 : 4; }
  void release(FrontEnd& front);
  std::uint64_t event_of(std::uint32_t front) const;
  FrontEnd* of_event(std::uint64_t event);
  void fill_ring(std::uint32_t front);
  std::uint32_t serve_block(FrontEnd& front, const Ring::Slot& slot, ByteStore& page, std::uint32_t& length);
  void serve_vtpm(FrontEnd& front, const Ring::Slot& slot, const ByteStore& page, std::uint64_t event);
  void vtpm_answered(std::uint64_t event, std::vector<std::uint8_t>& response);
  void finish(const FrontEnd& front, const IoRequest& request, const Ring::Slot& slot, const ByteStore& page);
  void fail_requests(FrontEnd& front, std::string_view why);

  World& world_;
  Machine& machine_;
  std::vector<FrontEnd> fronts_;
  bool alive_[kDeviceKinds] = {true, true, true};
};

}  // namespace tvdsim::models
