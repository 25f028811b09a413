#include "models/host/vtpm_instance.hpp"

#include <openssl/evp.h>

#include "sim/base/error.hpp"
#include "vtpm/device/commands.hpp"
#include "vtpm/device/tpm.hpp"

namespace tvdsim::models {

namespace {

class FleetInstance final : public VtpmInstance {
 public:
  explicit FleetInstance(vtpm::TpmFleet& fleet) : fleet_(fleet), tpm_(fleet.create()) { start_up(); }
  ~FleetInstance() override { fleet_.destroy(tpm_); }
  FleetInstance(const FleetInstance&) = delete;
  FleetInstance& operator=(const FleetInstance&) = delete;

  std::vector<std::uint8_t> execute(std::span<const std::uint8_t> command) override {
    return fleet_.execute(tpm_, command);
  }
  void restart() override {
    fleet_.power_cycle(tpm_);
    start_up();
  }

 private:
  void start_up() {
    vtpm::expect_success(fleet_.execute(tpm_, vtpm::startup_command(vtpm::StartupType::clear)),
                         "starting a vTPM");
  }

  vtpm::TpmFleet& fleet_;
  vtpm::TpmId tpm_;
};

std::vector<std::uint8_t> sha256(std::string_view text) {
  std::vector<std::uint8_t> digest(32);
  unsigned size = 0;
  if (EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1) {
    throw sim::WorldError("hashing a measurement", "EVP_Digest");
  }
  return digest;
}

}  // namespace

struct VtpmStore::Fleet {
  // The library behind the fleet is set up with the first TPM: a datacenter without one never touches it.
  std::unique_ptr<vtpm::TpmFleet> tpms;
  std::unordered_map<sim::VmId, std::unique_ptr<VtpmInstance>> instances;  // looked up, never iterated
};

VtpmStore::VtpmStore() : fleet_(std::make_unique<Fleet>()) {}
VtpmStore::~VtpmStore() { fleet_->instances.clear(); }

VtpmInstance& VtpmStore::of(sim::VmId owner) {
  if (!fleet_->tpms) fleet_->tpms = std::make_unique<vtpm::TpmFleet>();
  auto& instance = fleet_->instances[owner];
  if (!instance) instance = std::make_unique<FleetInstance>(*fleet_->tpms);
  return *instance;
}

bool VtpmStore::exists(sim::VmId owner) const noexcept { return fleet_->instances.contains(owner); }

std::vector<std::uint8_t> measure_command(std::uint32_t pcr, std::string_view text) {
  const vtpm::BankDigest digest{vtpm::HashAlg::sha256, sha256(text)};
  return vtpm::pcr_extend_command(pcr, {&digest, 1});
}

std::vector<std::uint8_t> read_pcr_command(std::uint32_t pcr) {
  return vtpm::pcr_read_command(vtpm::HashAlg::sha256, pcr);
}

std::string response_name(std::span<const std::uint8_t> response) {
  const std::uint32_t code = vtpm::response_code(response);
  return code == 0 ? "TPM_RC_SUCCESS" : std::string(vtpm::describe(code).name);
}

bool response_ok(std::span<const std::uint8_t> response) { return vtpm::response_code(response) == 0; }

std::string pcr_hex(std::span<const std::uint8_t> response) {
  if (!response_ok(response)) return response_name(response);
  static constexpr char kHex[] = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : vtpm::read_pcr_response(response)) {
    text += kHex[byte >> 4];
    text += kHex[byte & 15];
  }
  return text;
}

}  // namespace tvdsim::models
