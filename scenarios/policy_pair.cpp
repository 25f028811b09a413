#include "scenarios/policy_pair.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "models/acm_io/binary_reader.hpp"
#include "models/acm_io/binary_writer.hpp"
#include "models/acm_io/map_file.hpp"

namespace tvdsim::scenarios {

namespace {

using Bytes = std::vector<std::uint8_t>;

std::optional<unsigned> digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  return std::nullopt;
}

std::optional<Bytes> bytes_of(std::string_view hex) {
  if (hex.size() % 2 != 0) return std::nullopt;
  Bytes bytes;
  bytes.reserve(hex.size() / 2);
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    const auto high = digit(hex[i]), low = digit(hex[i + 1]);
    if (!high || !low) return std::nullopt;
    bytes.push_back(static_cast<std::uint8_t>(*high << 4 | *low));
  }
  return bytes;
}

// Why the binary is not the XML's, as a sentence; empty when it is.
std::string mismatch(const PolicySource& source, const models::BinaryPolicy& binary, const Bytes& bytes,
                     const models::Policy& written, const std::string& path) {
  sim::Findings of_hash;
  if (models::hash_belongs(source.xml, path, binary, of_hash) == models::HashMatch::none)
    return fmt::format("the binary policy `{}` was not compiled from this XML: its hash is another.",
                       binary.name);
  if (models::write_policy_binary(written, binary.hash) != bytes)
    return fmt::format("the binary policy `{}` carries the hash of this XML but not its tables.",
                       binary.name);
  return {};
}

}  // namespace

std::shared_ptr<const models::Policy> load_binary(const PolicySource& source,
                                                  const std::shared_ptr<const models::Policy>& written,
                                                  const std::string& path, sim::ControlMode check,
                                                  sim::Findings& findings) {
  const std::string where = path + ".binary";
  const auto bytes = bytes_of(source.binary);
  if (!bytes) {
    findings.error("TVD-330", where, "the binary policy is not written as pairs of digits 0-9 and a-f.");
    return nullptr;
  }
  sim::Findings own;
  const auto join = [&](const sim::Findings& more) {
    for (const sim::Finding& f : more.list()) {
      if (f.severity == sim::Severity::error)
        findings.error(f.code, f.where, f.message, f.help);
      else
        findings.warning(f.code, f.where, f.message, f.help);
    }
  };
  const auto binary = models::read_policy_binary(*bytes, where, own, source.mode);
  if (own.any_error()) {
    join(own);
    return nullptr;
  }
  const std::string wrong = mismatch(source, binary, *bytes, *written, path);
  if (wrong.empty()) {
    join(own);
    return written;
  }
  if (check == sim::ControlMode::on) {
    findings.error("TVD-338", where, wrong, "compile it again: ./tvdsim policy compile");
    return nullptr;
  }
  if (check == sim::ControlMode::monitor)
    findings.warning("TVD-338", where, wrong, "control `policy_hash` is monitor, so the binary decides");
  const auto names = source.names.empty()
                         ? models::read_policy_map(models::write_policy_map(*written), path, own)
                         : models::read_policy_map(source.names, path + ".names", own);
  std::shared_ptr<const models::Policy> policy;
  if (!own.any_error()) policy = models::compile_binary(binary, &names, source.mode, where, own);
  join(own);
  return policy;
}

}  // namespace tvdsim::scenarios
