// Command streams: cut into commands or refused, and executed by real TPMs. Whatever was in the stream, every response is a
// response, twins answer alike, and the TPM still speaks afterwards.
//
// The input is a stream as a client sends it.
#include <algorithm>

#include "sim/base/error.hpp"
#include "vtpm/device/commands.hpp"
#include "vtpm/served/command_stream.hpp"
#include "vtpm/served/control.hpp"
#include "vtpm/served/fleet_tpm.hpp"
#include "vtpm/served/replay.hpp"

using namespace tvdsim;

namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::size_t kMaxCommands = 32;

bool whole(const Bytes& response) {
  return response.size() >= 10 && response[2] == 0 && response[3] == 0 &&
         static_cast<std::size_t>(response[4] << 8 | response[5]) == response.size();
}

// Making an RSA key takes a tenth of a second: a fuzzer has no time for it, and libtpms's tests have.
bool slow(std::span<const std::uint8_t> command) {
  const unsigned code = static_cast<unsigned>(command[8] << 8 | command[9]);
  const std::uint8_t rsa[] = {0x00, 0x01, 0x00};
  return (code == 0x131 || code == 0x153 || code == 0x191) &&
         std::search(command.begin(), command.end(), std::begin(rsa), std::end(rsa)) != command.end();
}

struct Fleet {
  vtpm::TpmFleet fleet{{.seed = 7}};
  vtpm::SharedFleet shared{fleet};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Fleet& all = *new Fleet;
  const vtpm::TpmId one = all.fleet.create("one"), twin = all.fleet.create("one"),
                    other = all.fleet.create("two");
  vtpm::FleetTpm first(all.shared, one), second(all.shared, twin), third(all.shared, other);
  for (vtpm::FleetTpm* tpm : {&first, &second, &third})
    vtpm::expect_success(tpm->execute(vtpm::startup_command(vtpm::StartupType::clear)), "starting");
  vtpm::Recorder recorder(first);
  const std::span<const std::uint8_t> input(data, size);
  for (std::size_t at = 0; at < size && recorder.stream().size() < kMaxCommands;) {
    const auto rest = input.subspan(at);
    const vtpm::CommandParse parsed = vtpm::parse_command(rest, vtpm::kMaxBuffer);
    if (parsed.kind == vtpm::CommandParse::Kind::refused) {
      TVDSIM_ASSERT(whole(vtpm::bare_response(rest, vtpm::kCommandSizeCode)), "a refusal is a response");
      break;
    }
    if (parsed.kind == vtpm::CommandParse::Kind::incomplete) break;
    TVDSIM_ASSERT(parsed.used <= rest.size() && parsed.command.size() >= 10,
                  "a command lies within the bytes");
    TVDSIM_ASSERT(vtpm::parse_command(rest.first(parsed.used - 1), vtpm::kMaxBuffer).kind !=
                      vtpm::CommandParse::Kind::command,
                  "a prefix is no command");
    at += parsed.used;
    if (slow(parsed.command)) continue;
    const std::uint8_t locality = parsed.locality.value_or(0) % 5;
    const Bytes response = recorder.execute(parsed.command, locality);
    TVDSIM_ASSERT(whole(response), "a TPM answers with a response");
    TVDSIM_ASSERT(vtpm::framed_response(response).size() == response.size() + 8, "and it is framed whole");
  }
  if (all.fleet.deterministic())
    TVDSIM_ASSERT(vtpm::replay(second, recorder.stream()).differences.empty(), "twins answer alike");
  vtpm::replay(third, recorder.stream());  // another TPM's answers: of other sizes, other codes
  for (const vtpm::RecordedCommand& done : recorder.stream()) {
    Bytes altered = done.response;
    altered[size % altered.size()] ^= 1;
    TVDSIM_ASSERT(vtpm::compare_responses(done.command, done.response, altered) != vtpm::Sameness::equal,
                  "one byte is a difference, allowed or not");
    altered.resize(size % altered.size());
    TVDSIM_ASSERT(vtpm::compare_responses(done.command, done.response, altered) == vtpm::Sameness::different,
                  "a response that is cut is another");
  }
  for (const vtpm::TpmId tpm : {one, twin, other}) {
    TVDSIM_ASSERT(whole(all.fleet.execute(tpm, vtpm::get_random_command(8))), "a TPM still speaks");
    all.fleet.destroy(tpm);
  }
  return 0;
}
