// Where a datacenter's reference values are kept and changed: who may sign manifests, what becomes of one, and the trail of it.
//
// Every change is a manifest that somebody signed (a vendor's update, a CERT's advisory) or failed to sign; images that a scenario
// begins with are vouched for by it. Each change, refused ones included, is a row of `reference_changes`.
//
// Invariant  what the store's history says the trace says, too, in the same order.
// Cost       a signature and its verification per manifest.
// Threads    the engine's.
// Source     seed 002 section 3.2.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "models/attestation/image.hpp"
#include "models/attestation/reference_store.hpp"
#include "sim/engine/engine.hpp"
#include "vtpm/identity/p256.hpp"

namespace tvdsim::models {

struct ReferenceSetup {
  std::vector<std::string> signers;  // whose manifests count; empty: `vendor` and `cert`
  ImportRules rules;
  sim::ControlMode advisories = sim::ControlMode::on;
};

class ReferenceDesk {
 public:
  ReferenceDesk(sim::Engine& engine, const ReferenceSetup& setup);

  // What the scenario begins with.
  void vouch(const SoftwareImage& image);
  enum class Statement : std::uint8_t { add, retire, advise };
  struct Order {
    Statement what = Statement::add;
    const SoftwareImage* image = nullptr;
    std::string path;    // one component; empty: all of them
    std::string signer;  // empty: the first who counts
    std::string way;     // signed (or empty), unsigned, altered: the manifest was changed after it was signed
    std::string standing;  // of advise
    std::string text;      // of advise
  };
  // What became of it. A component or standing of unknown name is refused and recorded as well.
  ReferenceImport carry_out(const Order& order);

  // For a look-up at this instant, by a verifier that heeds advisories or does not.
  const vtpm::ReferenceLookup& lookup(bool heeds_advisories);
  ReferenceStore& store() noexcept { return store_; }
  sim::ControlMode advisories() const noexcept { return setup_.advisories; }

 private:
  ReferenceList list_of(const Order& order) const;
  const vtpm::SigningKey& key_of(const std::string& signer);
  void note(const ReferenceImport& row);

  sim::Engine& engine_;
  ReferenceSetup setup_;
  ReferenceStore store_;
  std::map<std::string, vtpm::SigningKey> keys_;  // of all who ever signed, strangers included
};

}  // namespace tvdsim::models
