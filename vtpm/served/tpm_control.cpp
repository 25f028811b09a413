#include "vtpm/served/tpm_control.hpp"

#include <algorithm>
#include <utility>

#include "sim/base/error.hpp"
#include "vtpm/served/command_stream.hpp"
#include "vtpm/served/state_blob.hpp"

namespace tvdsim::vtpm {
namespace {

using Bytes = TpmControl::Bytes;

constexpr std::uint8_t kMaxLocality = 4;

ControlResult locality_result(bool fine) { return fine ? ControlResult::ok : ControlResult::bad_locality; }

}  // namespace

TpmControl::TpmControl(TpmDevice& device, bool powered) : device_(device), powered_(powered) {}

ControlOutcome TpmControl::perform(const ControlRequest& request) {
  ControlOutcome out;
  const ControlRow* row = control_row(static_cast<std::uint32_t>(request.code));
  const bool unfit =
      !row || (row->needs == ControlNeeds::on && !powered_) || (row->needs == ControlNeeds::off && powered_);
  if (unfit) {
    out.answer = result_answer(ControlResult::bad_ordinal);
    return out;
  }
  try {
    out.answer = answer(request, out.shut_down);
  } catch (const sim::WorldError& problem) {
    failure_ = problem.what();
    out.answer = result_answer(ControlResult::fail);
  }
  return out;
}

Bytes TpmControl::answer(const ControlRequest& request, bool& shut_down) {
  const auto told = [&](TpmSignal signal) { return device_.signal(signal, request.data, request.locality); };
  switch (request.code) {
    case ControlCode::get_capability:
      return capability_answer();
    case ControlCode::init:
      return init(request.flags);
    case ControlCode::shutdown:
      shut_down = true;
      power_off();
      break;
    case ControlCode::stop:
      power_off();
      break;
    case ControlCode::get_tpmestablished:
      return established_answer(told(TpmSignal::established));
    case ControlCode::reset_tpmestablished:
      if (request.locality > kMaxLocality) return result_answer(ControlResult::bad_locality);
      return result_answer(locality_result(told(TpmSignal::reset_established)));
    case ControlCode::set_locality:
      if (request.locality > kMaxLocality) return result_answer(ControlResult::bad_locality);
      locality_ = request.locality;
      break;
    case ControlCode::hash_start:
      told(TpmSignal::hash_start);
      break;
    case ControlCode::hash_data:
      told(TpmSignal::hash_data);
      break;
    case ControlCode::hash_end:
      told(TpmSignal::hash_end);
      break;
    case ControlCode::store_volatile:
      stored_ = device_.save().running;
      break;
    case ControlCode::get_stateblob:
      return get_state(request);
    case ControlCode::set_stateblob:
      return set_state(request);
    case ControlCode::get_config:
      return config_answer();
    case ControlCode::set_buffersize:
      return set_buffer_size(request.size);
    case ControlCode::get_info:
      return info_answer(request.info, request.offset);
    case ControlCode::cancel_tpm_cmd:
    case ControlCode::set_datafd:
      break;
  }
  return result_answer(ControlResult::ok);
}

Bytes TpmControl::init(std::uint32_t flags) {
  if (powered_) power_off();
  if (permanent_.empty() && running_.empty() && stored_.empty()) {
    device_.power_cycle();
  } else {
    TpmState state;
    state.permanent = permanent_.empty() ? device_.save().permanent : permanent_;
    state.running = running_.empty() ? stored_ : running_;
    state.digest = state.compute_digest();
    forget_staged();
    device_.load(state);
  }
  if (flags & kForgetStored) stored_.clear();
  powered_ = true;
  return result_answer(ControlResult::ok);
}

void TpmControl::power_off() {
  if (!powered_) return;
  powered_ = false;
  device_.power_cycle();  // what is on again before anybody can speak to it has been off
}

void TpmControl::forget_staged() {
  permanent_.clear();
  running_.clear();
}

Bytes TpmControl::get_state(const ControlRequest& request) {
  if (request.kind != static_cast<std::uint32_t>(BlobKind::permanent) &&
      request.kind != static_cast<std::uint32_t>(BlobKind::running))
    return no_state_answer();
  const TpmState state = device_.save();
  const bool permanent = request.kind == static_cast<std::uint32_t>(BlobKind::permanent);
  return state_answer(pack_state_blob(permanent ? state.permanent : state.running), request.offset);
}

Bytes TpmControl::set_state(const ControlRequest& request) {
  auto blob = unpack_state_blob(request.data);
  const bool permanent = request.kind == static_cast<std::uint32_t>(BlobKind::permanent);
  const bool running = request.kind == static_cast<std::uint32_t>(BlobKind::running);
  if (!blob || blob->empty() || !(permanent || running)) return result_answer(ControlResult::bad_parameter);
  (permanent ? permanent_ : running_) = std::move(*blob);
  return result_answer(ControlResult::ok);
}

Bytes TpmControl::set_buffer_size(std::uint32_t wanted) {
  if (wanted == 0) return buffer_size_answer(buffer_);
  if (powered_) return result_answer(ControlResult::bad_ordinal);
  buffer_ = std::clamp(wanted, kMinBuffer, kMaxBuffer);
  return buffer_size_answer(buffer_);
}

Bytes TpmControl::execute(std::span<const std::uint8_t> command) { return execute(command, locality_); }

Bytes TpmControl::execute(std::span<const std::uint8_t> command, std::uint8_t locality) {
  if (!powered_) return bare_response(command, kFailureCode);
  try {
    return device_.execute(command, locality);
  } catch (const sim::WorldError& problem) {
    failure_ = problem.what();
    return bare_response(command, kFailureCode);
  }
}

}  // namespace tvdsim::vtpm
