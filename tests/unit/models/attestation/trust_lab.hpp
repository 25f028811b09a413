// A datacenter with TPMs under test: two hosts, a verifier, VMs with vTPMs.
//
//   TrustLab lab(trusted_setup());
//   EXPECT_EQ(lab.attest("web1").verdict, "trusted");
#pragma once

#include <string>
#include <vector>

#include "models/attestation/integrity.hpp"
#include "models/host/vtpm_manager.hpp"
#include "tests/unit/models/host/lab.hpp"

namespace tvdsim::tests {

inline DatacenterSetup trusted_setup() {
  std::vector<HostSetup> hosts = {host("h1"), host("h2"), host("v")};
  hosts[0].tpm = hosts[1].tpm = true;
  std::vector<VmSetup> vms = {vm("web1", "ma", "h1"), vm("web2", "ma", "h1")};
  for (VmSetup& row : vms) row.vtpm = row.start = true;
  DatacenterSetup setup = setup_of(figure3_policy(), hosts, vms);
  setup.verifiers = {"v"};
  return setup;
}

struct AttestationRow {
  std::string kind, subject, host, verdict, reason, detail, entity, expected, got, skipped;
  std::uint64_t entries = 0, remembered = 0, resets = 0;
};

class TrustLab : public Lab {
 public:
  explicit TrustLab(DatacenterSetup setup, std::uint64_t seed = 7) : Lab(std::move(setup), seed) {}

  Outcomes command(ActionKind kind, std::string_view on, std::string_view path = {}) {
    Action made = action(kind, on);
    made.path = path;
    return act(made);
  }
  Outcomes run_program(std::string_view on, std::string_view path) {
    return command(ActionKind::run_program, on, path);
  }
  Outcomes tamper(std::string_view on, std::string_view path) {
    return command(ActionKind::tamper_file, on, path);
  }
  Outcomes lie(std::string_view on, std::string_view mode) {
    Action made = action(ActionKind::lie, on);
    made.mode = mode;
    return act(made);
  }
  AttestationRow attest(std::string_view on) {
    Action made = action(ActionKind::attest_vm, on);
    made.verifier = "v";
    return attested(made);
  }
  AttestationRow attest_host(std::string_view which) {
    Action made = action(ActionKind::attest_host);
    made.host = which;
    made.verifier = "v";
    return attested(made);
  }
  std::vector<AttestationRow> attestations() const {
    std::vector<AttestationRow> rows(cells(sim::TableId::attestations, "id").size());
    const auto fill = [&](std::string_view column, std::string AttestationRow::*member) {
      const auto values = texts(sim::TableId::attestations, column);
      for (std::size_t i = 0; i < rows.size(); ++i) rows[i].*member = values[i];
    };
    fill("kind", &AttestationRow::kind);
    fill("subject", &AttestationRow::subject);
    fill("host", &AttestationRow::host);
    fill("verdict", &AttestationRow::verdict);
    fill("reason", &AttestationRow::reason);
    fill("detail", &AttestationRow::detail);
    fill("entity", &AttestationRow::entity);
    fill("expected", &AttestationRow::expected);
    fill("got", &AttestationRow::got);
    fill("skipped", &AttestationRow::skipped);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      rows[i].entries = cells(sim::TableId::attestations, "entries")[i];
      rows[i].remembered = cells(sim::TableId::attestations, "remembered")[i];
      rows[i].resets = cells(sim::TableId::attestations, "resets")[i];
    }
    return rows;
  }
  Integrity& integrity() { return *dc.world().integrity; }
  const MeasuredMachine& measured(std::string_view on) { return integrity().vm(dc.vm(on)); }
  const MeasuredMachine& measured_host(std::string_view on) { return integrity().host(dc.host(on)); }
  std::string standing(std::string_view subject) {
    return std::string(to_text(integrity().verifiers().front()->standing(subject, engine.now())));
  }
  // A PCR of the VM's SHA-256 bank, as its own TPM says.
  std::string pcr(std::string_view on, std::uint32_t which) {
    Action made = action(ActionKind::tpm_read, on);
    made.pcr = which;
    const std::string said = act(made).reason;
    return said.substr(said.find(": ") + 2);
  }

 private:
  AttestationRow attested(Action made) {
    begin(made);
    settle(15_s);
    const auto rows = attestations();
    EXPECT_FALSE(rows.empty());
    return rows.empty() ? AttestationRow{} : rows.back();
  }
};

}  // namespace tvdsim::tests
