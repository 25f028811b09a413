#include "models/attestation/agent.hpp"

#include <algorithm>

#include "models/attestation/integrity.hpp"
#include "models/attestation/protocol.hpp"
#include "vtpm/device/commands.hpp"

namespace tvdsim::models {

namespace {

using List = std::vector<const Measured*>;

// Is this what the image says? Then there is nothing to hide.
bool plain(const PreparedImage& image, const Measured* item) {
  const std::size_t at = image.find(item->name);
  return at == image.size() || item == &image.of(at, false);
}

List without_changed(const MeasuredMachine& machine) {
  List list = machine.ima_log;
  const auto first = std::find_if(list.begin(), list.end(),
                                  [&](const Measured* item) { return !plain(*machine.image, item); });
  if (first == list.end()) {
    if (list.size() > 1) list.pop_back();
  } else {
    list.erase(first, list.end());
  }
  return list;
}

List edited(const MeasuredMachine& machine, List list) {
  for (const Measured*& item : list) {
    if (!plain(*machine.image, item)) item = &machine.image->of(machine.image->find(item->name), false);
  }
  return list;
}

// Each entry once, as a machine would have them on which nothing was ever changed.
List cleaned(const MeasuredMachine& machine) {
  List list;
  for (const Measured* item : edited(machine, machine.ima_log)) {
    if (std::find(list.begin(), list.end(), item) == list.end()) list.push_back(item);
  }
  return list;
}

}  // namespace

AttestationAgent::AttestationAgent(Integrity& integrity, sim::HostId host, const std::string& name)
    : integrity_(integrity), host_(host) {
  service_ = integrity.bus_.add(name, sim::MessageHandler::to<&AttestationAgent::on_message>(*this));
}

Challenge* AttestationAgent::open(std::uint64_t id) {
  const auto found = integrity_.challenges_.find(id);
  return found == integrity_.challenges_.end() || found->second.judging ? nullptr : &found->second;
}

void AttestationAgent::on_message(const sim::Message& message) {
  const std::string_view method = integrity_.engine_.trace().text(message.method);
  if (on_enrolment(method, message.data)) return;
  if (method == kEvidence) {
    if (Challenge* answered = open(message.data); answered && answered->relay == service_) send(*answered);
    return;
  }
  if (method != kChallenge) return;
  Challenge* challenge = open(message.data);
  if (!challenge || !integrity_.halted(host_).empty()) return;
  if (passed_on(*challenge)) return ask_host(*challenge);
  challenge->mode == WatchMode::agent ? hold(*challenge) : take_up(*challenge);
}

void AttestationAgent::hold(const Challenge& challenge) {
  sim::Engine& engine = integrity_.engine_;
  if (!report_) {
    report_ = engine.kind(std::string(integrity_.bus_.name(service_)) + ".report",
                          sim::Handler::to<&AttestationAgent::on_report>(*this));
  }
  held_[challenge.machine] = challenge.id;
  engine.after(challenge.judge->schedule().at(challenge.watch).period, *report_, challenge.machine,
               challenge.id);
}

void AttestationAgent::on_report(const sim::Event& event) {
  const auto held = held_.find(event.target);
  if (held != held_.end() && held->second == event.data) measured(event.target);
}

void AttestationAgent::measured(std::uint32_t machine) {
  const auto held = held_.extract(machine);
  if (held.empty()) return;
  if (Challenge* challenge = open(held.mapped())) take_up(*challenge);
}

void AttestationAgent::take_up(Challenge& challenge) {
  MeasuredMachine& machine = integrity_.machines_[challenge.machine];
  if (challenge.scratch != 0) return state(challenge);
  if (!challenge.about_vm) {
    if (relay_.exists()) return pass_on(challenge);
    if (machine.chip.exists()) return ask_host(challenge);
    return send(challenge);
  }
  if (integrity_.world_.where(integrity_.machine_vm_[challenge.machine]) != host_) return;
  if (challenge.mode == WatchMode::out_of_band) return hand_out(challenge);
  if (machine.lie == Lie::silent) return;
  if (beyond_share(challenge.machine)) {
    challenge.refused = true;
    return send(challenge);
  }
  if (!machine.chip.exists()) return ask_host(challenge);
  const ChipId chip = machine.lie == Lie::forge_quote ? forging_chip(machine) : machine.chip;
  integrity_.chips_.quote(chip, {challenge.nonce.begin(), challenge.nonce.end()}, kQuotedPcrs,
                          ChipDone<QuoteAnswer>::to<&AttestationAgent::own_quoted>(*this, challenge.id));
}

// No agent in the VM takes part: the control domain reads the instance's PCRs and the logs that lie beside them.
void AttestationAgent::hand_out(Challenge& challenge) {
  const MeasuredMachine& machine = integrity_.machines_[challenge.machine];
  List boot = machine.boot_log, ima = machine.ima_log;
  if (lies_) {
    boot = edited(machine, std::move(boot));
    ima = cleaned(machine);
    if (!ima.empty()) {
      ima.front() = &integrity_.measured_.boot_aggregate(replay(boot, vtpm::HashAlg::sha256),
                                                         machine.image->signed_files());
    }
  }
  List all = boot;
  all.insert(all.end(), ima.begin(), ima.end());
  for (const vtpm::HashAlg bank : kBanks) {
    const vtpm::PcrBank led = replay(all, bank);
    for (std::uint32_t pcr = 0; pcr < vtpm::PcrBank::kCount; ++pcr) {
      if ((kQuotedPcrs >> pcr & 1) == 0) continue;
      const bool read = !lies_ && machine.chip.exists();
      challenge.own.quote.pcrs[bank][pcr] =
          read ? integrity_.chips_.read_pcr(machine.chip, bank, pcr) : led.value(pcr);
    }
  }
  challenge.own.event_log = event_log_of(boot);
  challenge.own.ima_log = ima_log_of(boot, ima, machine.image->signed_files());
  send(challenge);
}

// A bucket that leaks one question per interval.
bool AttestationAgent::beyond_share(std::uint32_t machine) {
  const sim::ControlMode mode = integrity_.setup_.controls[sim::Control::tpm_quota];
  if (mode == sim::ControlMode::off) return false;
  const sim::Time now = integrity_.engine_.now();
  sim::Time& used_up = used_up_[machine];
  used_up = std::max(used_up, now);
  const auto at_once = static_cast<std::int64_t>(integrity_.setup_.tpm_share_at_once);
  const bool beyond = used_up - now > integrity_.setup_.tpm_share * (at_once - 1);
  if (!beyond) used_up = used_up + integrity_.setup_.tpm_share;
  if (beyond && mode == sim::ControlMode::monitor) {
    integrity_.world_.incident("warning", integrity_.machines_[machine].name,
                               "it asks more of its host's TPM than its share");
    return false;
  }
  return beyond;
}

void AttestationAgent::own_quoted(std::uint64_t id, QuoteAnswer& answer) {
  Challenge* challenge = open(id);
  if (!challenge) return;
  fill_own(*challenge, std::move(answer));
  ask_host(*challenge);
}

void AttestationAgent::fill_own(Challenge& challenge, QuoteAnswer&& answer) {
  MeasuredMachine& machine = integrity_.machines_[challenge.machine];
  if (machine.keeps_quotes && !machine.recorded) {
    machine.recorded = std::make_unique<QuoteAnswer>(answer);
    machine.recorded_boot = machine.boot_log;
    machine.recorded_ima = machine.ima_log;
  }
  List boot = machine.boot_log, ima = machine.ima_log;
  switch (machine.lie) {
    case Lie::replay_quote:
      if (!machine.recorded) break;
      answer = *machine.recorded;
      boot = machine.recorded_boot;
      ima = machine.recorded_ima;
      break;
    case Lie::truncate_log:
      ima = without_changed(machine);
      break;
    case Lie::reorder_log:
      if (ima.size() > 2) std::swap(ima[ima.size() - 1], ima[ima.size() - 2]);
      break;
    case Lie::edit_log:
      ima = edited(machine, std::move(ima));
      break;
    case Lie::forge_quote:
      boot = edited(machine, std::move(boot));
      ima = cleaned(machine);
      break;
    case Lie::clean_log:
      ima = cleaned(machine);
      break;
    case Lie::malformed:
      answer.attest.assign(3, 0xff);
      break;
    case Lie::honest:
    case Lie::silent:
      break;
  }
  challenge.own.quote = std::move(answer);
  challenge.own.event_log = event_log_of(boot);
  challenge.own.ima_log = ima_log_of(boot, ima, machine.image->signed_files());
  if (machine.enrolled.empty()) machine.enrolled = integrity_.chips_.attestation_key(machine.chip);
  challenge.own.key = machine.enrolled;
  if (!integrity_.identities_) return;
  const bool forges = machine.lie == Lie::forge_quote && machine.stolen.exists();
  challenge.own.key = integrity_.chips_.attestation_key(forges ? machine.stolen : machine.chip);
  challenge.own.certificate = integrity_.identities_->of(challenge.machine).attestation.der();
}

void AttestationAgent::ask_host(Challenge& challenge) {
  const MeasuredMachine& host = integrity_.machines_[host_.value];
  if (!host.chip.exists()) return send(challenge);
  const bool for_vm = challenge.about_vm && !passed_on(challenge);
  if (for_vm && relay_.exists()) return pass_on(challenge);
  std::vector<std::uint8_t> nonce(challenge.nonce.begin(), challenge.nonce.end());
  if (integrity_.binds_channel())
    nonce = integrity_.host_question(challenge.nonce, vtpm::public_key_info(channel().point()));
  if (for_vm && integrity_.setup_.binding == VtpmBinding::nonce)
    nonce = binding_nonce(challenge.nonce, challenge.own.key);
  integrity_.tpm(host_)->quote(
      {std::string(integrity_.bus_.name(service_)), false}, std::move(nonce), kQuotedPcrs,
      ChipDone<QuoteAnswer>::to<&AttestationAgent::host_quoted>(*this, challenge.id));
}

void AttestationAgent::host_quoted(std::uint64_t id, QuoteAnswer& answer) {
  Challenge* challenge = open(id);
  if (!challenge) return;
  MeasuredMachine& host = integrity_.machines_[host_.value];
  if (host.enrolled.empty()) host.enrolled = integrity_.chips_.attestation_key(host.chip);
  MachineEvidence& evidence = challenge->about_vm ? challenge->host_evidence : challenge->own;
  evidence.quote = std::move(answer);
  evidence.event_log = event_log_of(host.boot_log);
  if (!host.ima_log.empty())
    evidence.ima_log = ima_log_of(host.boot_log, host.ima_log, host.image->signed_files());
  evidence.key = host.enrolled;
  if (integrity_.identities_) {
    evidence.key = integrity_.chips_.attestation_key(host.chip);
    evidence.certificate = integrity_.identities_->of(host_.value).attestation.der();
    evidence.channel = vtpm::public_key_info(channel().point());
  }
  if (!host.launches) return show_binding(*challenge);
  integrity_.tpm(host_)->quote({std::string(integrity_.bus_.name(service_)), false},
                               {challenge->nonce.begin(), challenge->nonce.end()}, kLaunchPcrs,
                               ChipDone<QuoteAnswer>::to<&AttestationAgent::launch_quoted>(*this, id));
}

// Where a PCR ties a vTPM to its host, a second quote shows its key there.
void AttestationAgent::show_binding(Challenge& challenge) {
  const bool shows_key = integrity_.setup_.binding == VtpmBinding::pcr && challenge.about_vm;
  if (!shows_key || passed_on(challenge)) return send(challenge);
  integrity_.scratch(host_, kBindingPcr)
      .attest(challenge.own.key, integrity_.host_question(challenge.nonce, challenge.host_evidence.channel),
              ChipDone<QuoteAnswer>::to<&AttestationAgent::bound>(*this, challenge.id));
}

void AttestationAgent::bound(std::uint64_t id, QuoteAnswer& answer) {
  Challenge* challenge = open(id);
  if (!challenge) return;
  challenge->binding_quote = std::move(answer);
  send(*challenge);
}

const vtpm::SigningKey& AttestationAgent::channel() {
  if (!channel_) {
    const std::string label = "channel of " + integrity_.machines_[host_.value].name;
    channel_ = vtpm::SigningKey::from_seed(label, integrity_.engine_.seed());
  }
  return *channel_;
}

bool AttestationAgent::passed_on(const Challenge& challenge) const {
  return challenge.relay.exists() && challenge.relay != service_;
}

void AttestationAgent::pass_on(Challenge& challenge) {
  challenge.relay = service_;
  integrity_.bus_.send(service_, integrity_.agents_.at(relay_.value)->service(), kChallenge,
                       integrity_.bus_.name(service_), challenge.correlation, challenge.id);
}

// The thief's TPM is made to hold what a machine's would on which nothing was ever changed.
ChipId AttestationAgent::forging_chip(MeasuredMachine& machine) {
  if (!machine.stolen.exists()) return machine.chip;
  std::vector<PcrExtend> extends;
  for (const Measured* item : edited(machine, machine.boot_log)) extends.push_back(extend_of(*item));
  for (const Measured* item : cleaned(machine)) extends.push_back(extend_of(*item));
  // He shuts it down in good order: a TPM that is cut off from power too often locks itself.
  integrity_.chips_.execute(machine.stolen, vtpm::shutdown_command(vtpm::StartupType::clear), {});
  integrity_.chips_.boot(machine.stolen, std::move(extends));
  return machine.stolen;
}

void AttestationAgent::send(Challenge& challenge) {
  if (passed_on(challenge)) {
    integrity_.bus_.send(service_, challenge.relay, kEvidence, integrity_.bus_.name(service_),
                         challenge.correlation, challenge.id);
    return;
  }
  if (integrity_.identities_) {
    challenge.session = vtpm::public_key_info(channel().point());
    challenge.session_proof = channel().sign(channel_proof(challenge.nonce));
  }
  integrity_.bus_.send(service_, challenge.verifier, kEvidence, integrity_.bus_.name(service_),
                       challenge.correlation, challenge.id);
}

}  // namespace tvdsim::models
