// Somebody gets a kernel vouched for that has a twin with the same SHA-1 digest, and a VM boots the twin.
//
// The control is looking digests up in a bank for which no collision is known; a verifier that knows SHA-1 alone takes one for the
// other. The two kernels begin with the two published blocks that collide. The near miss is a VM that boots the kernel vouched for.
#include <fmt/format.h>

#include "models/attack/attested.hpp"
#include "models/attack/catalogue.hpp"
#include "models/attack/staging.hpp"
#include "models/attestation/collision.hpp"
#include "models/attestation/image.hpp"

namespace tvdsim::models {

namespace {

using namespace sim::literals;

// The built-in guest with a kernel that was made to have a twin.
ImageSetup image_with_a_twin() {
  const SoftwareImage guest = builtin_guest_image();
  ImageSetup image;
  image.name = "collided";
  for (const Component& component : guest.software) {
    const bool kernel = component.name == "kernel";
    image.software.push_back({component.name, std::string(to_text(component.kind)),
                              kernel ? colliding(false, "a kernel") : bytes_of(guest, component)});
  }
  return image;
}

class Sha1Collision final : public CataloguedAttack {
 public:
  Sha1Collision() : CataloguedAttack(AttackFile::a58_sha1_collision) {}

  sim::Duration duration() const override { return 60_s; }

  DatacenterSetup stage(Staging staging, ControlMode mode) const override {
    DatacenterSetup setup = attested_setup(control(), staging, mode, {"ma1"});
    setup.images.push_back(image_with_a_twin());
    setup.vms.front().image = "collided";
    if (staging != Staging::near_miss) setup.vms.front().tampered = {"kernel"};
    return setup;
  }

  std::vector<Action> steps(Staging) const override { return {attest_action(20_s, "ma1")}; }

  Verdicts judge(Staging staging, Datacenter& datacenter, sim::Trace& trace) const override {
    Verdicts verdicts;
    const AttestedRow row = last_attestation(trace, "ma1");
    const bool changed = ran_changed_code(datacenter, "ma1");
    verdicts.harm = changed && row.verdict == "trusted";
    verdicts.refused = !row.verdict.empty() && row.verdict != "trusted";
    verdicts.worked = !changed && row.verdict == "trusted";
    verdicts.noticed =
        verdicts.refused || Evidence(trace).incident("attestation") || Evidence(trace).incident("warning");
    verdicts.witness = fmt::format(
        "{}: {} ({}) {}", staging == Staging::near_miss ? "the kernel vouched for" : "its twin in SHA-1",
        row.verdict, row.reason, row.detail);
    return verdicts;
  }
};

}  // namespace

const Attack& a58_sha1_collision() {
  static const Sha1Collision kAttack;
  return kAttack;
}

}  // namespace tvdsim::models
