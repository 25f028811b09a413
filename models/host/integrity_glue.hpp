// Measured boot and attestation, as a datacenter's setup asks for them: images, hosts, VMs and verifiers are handed over, commands
// and answers passed on. There is none of it in a datacenter without TPMs, vTPMs and verifiers.
//
// Threads    the engine's.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <string>

#include "models/attestation/integrity.hpp"
#include "models/host/action.hpp"
#include "sim/engine/messages.hpp"

namespace tvdsim::models {

struct World;
struct DatacenterSetup;
struct HostSetup;

class IntegrityGlue final : public IntegrityWorld {
 public:
  static bool wanted(const DatacenterSetup& setup);
  // Hosts boot at once. A class, image or component of unknown name is InputError.
  explicit IntegrityGlue(World& world);
  void add_vms();

  Integrity& integrity() noexcept { return *integrity_; }
  void watch();  // as the setup says; VMs are there
  // What befalls attestation: compromise_dom0, flood_attestation.
  void befall(std::uint64_t correlation, const Action& action);
  // A guest's or an attacker's command.
  void act(std::uint64_t correlation, const Action& action);
  // A command to a host's TPM service; what somebody does who has the host in his hands.
  void act_on_host(std::uint64_t correlation, const Action& action);

  // An attacker's doings with identities.
  void act_on_identity(std::uint64_t correlation, const Action& action);

  sim::HostId where(sim::VmId vm) const override;
  void answer(sim::ServiceId from, std::uint64_t correlation, AttestationVerdict verdict,
              std::string_view reason) override;
  void executed(std::uint64_t correlation, std::string_view what) override;
  void judged(std::string_view subject, AttestationVerdict verdict, std::string_view reason,
              std::string_view why) override;
  void ended(std::uint64_t correlation, End end, std::string_view reason) override;
  std::vector<std::pair<std::string, std::string>> running(sim::HostId host) const override;
  void incident(std::string_view kind, std::string_view entity, std::string_view cause) override;

 private:
  void flood(std::uint64_t correlation, const Action& action);
  void on_answer(const sim::Message& message);
  void on_command(const sim::Message& message);
  void change_references(const sim::Message& message, const Action& action);
  void on_authority_command(const sim::Message& message);
  std::string copy_vtpm(sim::VmId from, sim::VmId to);
  const PreparedImage& host_image(const HostSetup& host);
  const PreparedImage& image(const std::string& name, bool signed_files);  // no name: the built-in guest's

  World& world_;
  std::unique_ptr<Integrity> integrity_;
  struct Flood {
    std::uint64_t asked = 0, answered = 0, trusted = 0;
  };
  std::map<std::uint64_t, Flood> floods_;  // by correlation
  sim::ServiceId strangers_;               // who is no part of the datacenter; made when they first ask
  std::array<const PreparedImage*, 3> host_images_{};  // by BootPolicy
};

// The glue's act_on_host(); where there is none, the command fails.
void acts_on_host(World& world, std::uint64_t correlation, const Action& action);
// An action about certificates and keys: an attacker's is done; true: it is for the authority, which is there.
bool identity_acts(World& world, std::uint64_t correlation, const Action& action);

}  // namespace tvdsim::models
