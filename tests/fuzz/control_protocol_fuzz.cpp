// The control protocol: a stream of requests is read or refused, a TPM behind them is switched as they say, and what comes back
// can be read by a client.
//
// The input is a stream as a client sends it; as an answer and as a state blob it is read too.
#include <algorithm>

#include "sim/base/error.hpp"
#include "vtpm/served/control.hpp"
#include "vtpm/served/state_blob.hpp"
#include "vtpm/served/tpm_control.hpp"

using namespace tvdsim;

namespace {

using Bytes = std::vector<std::uint8_t>;

// A TPM of a few bytes, which refuses states that begin with a zero and is gone after twenty calls.
class SmallTpm final : public vtpm::TpmDevice {
 public:
  Bytes execute(std::span<const std::uint8_t> command, std::uint8_t) override {
    tick();
    return {command.begin(), command.end()};
  }
  void power_cycle() override { state_.running.clear(); }
  vtpm::TpmState save() override {
    tick();
    vtpm::TpmState out = state_;
    out.digest = out.compute_digest();
    return out;
  }
  void load(const vtpm::TpmState& state) override {
    TVDSIM_ASSERT(state.digest == state.compute_digest() && !state.permanent.empty(),
                  "a state is loaded whole");
    if (state.permanent[0] == 0) throw sim::WorldError("loading", "TPM_FAIL");
    state_ = state;
  }
  bool signal(vtpm::TpmSignal signal, std::span<const std::uint8_t>, std::uint8_t locality) override {
    tick();
    return signal != vtpm::TpmSignal::reset_established || locality >= 3;
  }

 private:
  void tick() {
    if (++calls_ > 20) throw sim::WorldError("speaking to it", "ENODEV");
  }
  vtpm::TpmState state_{{1, 2, 3}, {4, 5}, {}};
  int calls_ = 0;
};

void read_as_answer(std::span<const std::uint8_t> bytes) {
  for (const vtpm::ControlRow& row : vtpm::control_rows()) {
    const auto size = vtpm::answer_size(row.code, bytes);
    TVDSIM_ASSERT(!size || (*size >= 4 && *size <= vtpm::kMaxControlData + 17),
                  "an answer has a size within bounds");
  }
  const auto result = vtpm::read_result(bytes);
  TVDSIM_ASSERT(result.has_value() == (bytes.size() >= 4), "four bytes are a result");
  if (result) TVDSIM_ASSERT(!vtpm::to_text(*result).empty(), "a result has a name");
  if (const auto state = vtpm::read_state_answer(bytes))
    TVDSIM_ASSERT(state->data.size() + 16 <= bytes.size() || state->data.empty(),
                  "no byte from beyond the end");
  if (const auto blob = vtpm::unpack_state_blob(bytes)) {
    const Bytes again = vtpm::pack_state_blob(*blob);
    TVDSIM_ASSERT(again.size() == bytes.size() && vtpm::unpack_state_blob(again) == blob,
                  "a blob is packed again as it was");
  }
}

void check_answer(const vtpm::ControlRequest& request, const Bytes& answer) {
  TVDSIM_ASSERT(vtpm::answer_size(request.code, answer) == answer.size(),
                "a client knows where an answer ends");
  if (request.code != vtpm::ControlCode::get_stateblob) return;
  const auto state = vtpm::read_state_answer(answer);
  TVDSIM_ASSERT(state, "a client reads a state");
  if (state->result == vtpm::ControlResult::ok && request.offset == 0)
    TVDSIM_ASSERT(vtpm::unpack_state_blob(state->data), "and unpacks it");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::uint8_t> input(data, size);
  read_as_answer(input);
  SmallTpm tpm;
  vtpm::TpmControl control(tpm, size % 2 == 0);
  const Bytes command{0x80, 1, 0, 0, 0, 10, 0, 0, 1, 0x81};
  for (std::size_t at = 0; at < size;) {
    const auto rest = input.subspan(at);
    const vtpm::ControlParse parsed = vtpm::parse_control(rest);
    if (parsed.kind != vtpm::ControlParse::Kind::request) {
      TVDSIM_ASSERT(parsed.used == 0, "nothing is taken of what is no request");
      break;
    }
    TVDSIM_ASSERT(parsed.used >= 4 && parsed.used <= rest.size(), "a request lies within the bytes");
    TVDSIM_ASSERT(vtpm::parse_control(rest.first(parsed.used - parsed.padding - 1)).kind ==
                      vtpm::ControlParse::Kind::incomplete,
                  "a prefix is no request");
    TVDSIM_ASSERT(vtpm::parse_control(vtpm::write_control(parsed.request)).request == parsed.request,
                  "a request that is written reads as itself");
    const vtpm::ControlOutcome done = control.perform(parsed.request);
    check_answer(parsed.request, done.answer);
    TVDSIM_ASSERT(control.buffer_size() >= vtpm::kMinBuffer && control.buffer_size() <= vtpm::kMaxBuffer &&
                      control.locality() <= 4,
                  "sizes and localities stay within their bounds");
    const Bytes response = control.execute(command);
    TVDSIM_ASSERT(response.size() == 10 && (control.powered() || response[9] == 1), "what is off says so");
    if (done.shut_down) break;
    at += parsed.used;
  }
  return 0;
}
