// What a VM sealed to its PCRs, and PCRs that nobody resets: in a datacenter, on the VM's own vTPM.
#include <gtest/gtest.h>

#include "tests/unit/models/attestation/trust_lab.hpp"
#include "vtpm/device/commands.hpp"
#include "vtpm/device/seal.hpp"

namespace tvdsim::tests {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::string_view kProgram = "/usr/sbin/sshd";

// A VM with a secret that it sealed, after its boot, to what was measured of it.
class SealingLab : public TrustLab {
 public:
  explicit SealingLab(DatacenterSetup setup) : TrustLab(std::move(setup)) {
    sealed_ = vtpm::seal(speak(), kSecret, kMeasured);
  }
  vtpm::UnsealResult unseal() { return vtpm::unseal(speak(), sealed_); }
  Bytes command(const Bytes& bytes) { return speak()(bytes); }
  using TrustLab::command;

  const Bytes kSecret{'k', 'e', 'y'};

 private:
  void keep(std::uint64_t, Bytes& response) { answer_ = response; }
  vtpm::Speak speak() {
    return [this](std::span<const std::uint8_t> command) {
      answer_.clear();
      dc.world().chips().execute(measured("web1").chip, {command.begin(), command.end()},
                                 ChipDone<Bytes>::to<&SealingLab::keep>(*this, 0));
      settle(100_ms);
      EXPECT_FALSE(answer_.empty());
      return answer_;
    };
  }

  const std::vector<vtpm::BankSelection> kMeasured{{vtpm::HashAlg::sha256, 0x07ff}};  // PCRs 0 to 10
  vtpm::SealedSecret sealed_;
  Bytes answer_;
};

DatacenterSetup under_test() {
  DatacenterSetup setup = trusted_setup();
  setup.controls = modes_under_test();
  return setup;
}

// F-079
TEST(Sealing, AVmGetsItsSecretBackWhileItsSoftwareIsAsItWas) {
  SealingLab lab(trusted_setup());
  const vtpm::UnsealResult result = lab.unseal();
  EXPECT_TRUE(result);
  EXPECT_EQ(result.secret, lab.kSecret);
}

// F-079
TEST(Sealing, AVmThatRanAChangedProgramDoesNotGetItBack) {
  SealingLab lab(under_test());
  ASSERT_TRUE(lab.tamper("web1", kProgram).done());
  ASSERT_TRUE(lab.run_program("web1", kProgram).done());
  const vtpm::UnsealResult result = lab.unseal();
  EXPECT_FALSE(result);
  EXPECT_EQ(vtpm::describe(result.code).name, "TPM_RC_POLICY_FAIL");
  EXPECT_TRUE(result.secret.empty());
}

// F-079
TEST(Sealing, WithoutMeasurementTheChangedProgramReadsTheSecret) {
  SealingLab lab(without(trusted_setup(), Control::measurement));
  ASSERT_TRUE(lab.tamper("web1", kProgram).done());
  ASSERT_TRUE(lab.run_program("web1", kProgram).done());
  EXPECT_EQ(lab.unseal().secret, lab.kSecret);
  EXPECT_EQ(lab.truth().compromised().back().entity, "web1");
}

// A guest that ran a changed program, tries to take that out of its PCRs, and shows a log without it.
std::string verdict_after_reset(DatacenterSetup setup) {
  SealingLab lab(std::move(setup));
  EXPECT_TRUE(lab.tamper("web1", kProgram).done());
  EXPECT_TRUE(lab.run_program("web1", kProgram).done());
  for (std::uint32_t pcr = 0; pcr < 16; ++pcr)
    EXPECT_EQ(vtpm::describe(vtpm::response_code(lab.command(vtpm::pcr_reset_command(pcr)))).name,
              "TPM_RC_LOCALITY");
  EXPECT_TRUE(lab.lie("web1", "clean_log").done());
  const std::string verdict = lab.attest("web1").verdict;
  EXPECT_EQ(lab.truth().compromised().back().entity, "web1");
  return verdict;
}

// F-078
TEST(PcrReset, AGuestCannotTakeBackWhatWasMeasured) {
  EXPECT_EQ(verdict_after_reset(under_test()), "untrusted");
}

// F-078
TEST(PcrReset, WithoutLogReplayItNeedNot) {
  EXPECT_EQ(verdict_after_reset(without(trusted_setup(), Control::log_replay)), "trusted");
}

}  // namespace
}  // namespace tvdsim::tests
