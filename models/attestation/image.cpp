#include "models/attestation/image.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "models/attestation/collision.hpp"
#include "models/attestation/platform_roles.hpp"
#include "sim/base/random.hpp"
#include "vtpm/evidence/event_log_writer.hpp"

namespace tvdsim::models {

namespace {

using vtpm::EventType;

constexpr std::array<std::string_view, kMeasuredClasses> kClassNames = {
#define MEASURED_CLASS(name, what) #name,
#include "models/attestation/measured_classes.def"
#undef MEASURED_CLASS
};

struct KnownStage {
  std::string_view name;
  MeasuredClass kind;
  std::uint32_t pcr, event_type;
  std::string_view measurer;
};
constexpr std::array kKnownStages = {
#define BOOT_STAGE(name, kind, pcr, type, by) \
  KnownStage{#name, MeasuredClass::kind, pcr, EventType::type, #by},
#include "models/attestation/boot_stages.def"
#undef BOOT_STAGE
};

const KnownStage* known_stage(std::string_view name) {
  for (const KnownStage& stage : kKnownStages) {
    if (stage.name == name) return &stage;
  }
  return nullptr;
}

std::uint32_t pcr_of_class(MeasuredClass kind) {
  switch (kind) {
    case MeasuredClass::boot_process:
      return 4;
    case MeasuredClass::configuration:
      return 5;
    case MeasuredClass::kernel:
      return 8;
    case MeasuredClass::structured_data:
      return 11;
    default:
      return 9;
  }
}

bool starts_others(const Component& stage) {
  return stage.kind == MeasuredClass::boot_process || stage.kind == MeasuredClass::kernel;
}

// Noise from a name: what a real component would hold is of no interest, that it is always the same is.
std::string noise(std::string_view name) {
  constexpr std::size_t kSize = 4096;
  sim::Stream stream(0, name);
  std::string bytes;
  bytes.reserve(kSize);
  while (bytes.size() < kSize) {
    std::uint64_t word = stream.next();
    for (int i = 0; i < 8; ++i, word >>= 8) bytes += static_cast<char>(word & 0xff);
  }
  return bytes;
}

Component stage(std::string_view name, std::string content = {}) {
  return {std::string(name), known_stage(name)->kind, std::move(content)};
}

}  // namespace

std::string_view to_text(MeasuredClass kind) noexcept { return kClassNames[static_cast<std::size_t>(kind)]; }

std::optional<MeasuredClass> measured_class(std::string_view name) noexcept {
  for (std::size_t i = 0; i < kMeasuredClasses; ++i) {
    if (kClassNames[i] == name) return static_cast<MeasuredClass>(i);
  }
  return std::nullopt;
}

const Component* SoftwareImage::find(std::string_view component) const noexcept {
  for (const Component& row : software) {
    if (row.name == component) return &row;
  }
  return nullptr;
}

StagePlace place_of(const SoftwareImage& image, std::size_t at) {
  const Component& own = image.software.at(at);
  const KnownStage* known = known_stage(own.name);
  StagePlace place;
  place.pcr = at == 0 ? 0 : known ? known->pcr : pcr_of_class(own.kind);
  place.event_type = known ? known->event_type : EventType::EV_IPL;
  place.measurer = at;
  if (at == 0) return place;
  for (std::size_t i = at; i-- > 0;) {
    const bool named = known && image.software[i].name == known->measurer;
    if (named) place.measurer = i;
    if (place.measurer == at && starts_others(image.software[i])) place.measurer = i;
    if (named) return place;
  }
  if (place.measurer == at) place.measurer = 0;
  return place;
}

std::string bytes_of(const SoftwareImage& image, const Component& component) {
  return component.content.empty() ? noise(image.name + '/' + component.name) : component.content;
}

std::string tampered_bytes(const SoftwareImage& image, const Component& component) {
  std::string bytes = bytes_of(image, component);
  if (auto twin = sha1_twin(bytes)) return std::move(*twin);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  return bytes;
}

std::size_t first_loaded(const SoftwareImage& image) noexcept {
  std::size_t at = 0;
  while (at < image.software.size() && !image.software[at].file() &&
         (image.software[at].kind == MeasuredClass::boot_process ||
          image.software[at].kind == MeasuredClass::configuration))
    ++at;
  return at;
}

SoftwareImage seen_whole(const SoftwareImage& image) {
  SoftwareImage seen = image;
  std::stable_partition(seen.software.begin(), seen.software.end(),
                        [](const Component& row) { return !row.file(); });
  const auto first = seen.software.begin() + static_cast<std::ptrdiff_t>(first_loaded(seen));
  Component all{std::string(kBootImage), MeasuredClass::kernel, {}};
  for (auto part = first; part != seen.software.end(); ++part) all.content += bytes_of(image, *part);
  seen.software.erase(first, seen.software.end());
  seen.software.push_back(std::move(all));
  return seen;
}

SoftwareImage builtin_host_image(std::string_view policy) {
  const SoftwareImage guest = builtin_guest_image();
  SoftwareImage image{"xen-host", {}};
  for (const std::string_view name :
       {"crtm", "firmware", "firmware_config", "option_rom", "boot_loader", "boot_config", "hypervisor"}) {
    image.software.push_back(stage(name));
  }
  image.software.push_back(stage("policy", std::string(policy)));
  for (const std::string_view name : {"dom0_kernel", "dom0_initrd", "toolstack"})
    image.software.push_back(stage(name));
  image.software.push_back(stage("virtual_firmware", bytes_of(guest, guest.software.front())));
  for (const PlatformRole& role : platform_roles()) {
    if (role.component.front() == '/')
      image.software.push_back({std::string(role.component), MeasuredClass::program, {}});
  }
  return image;
}

SoftwareImage builtin_guest_image() {
  SoftwareImage image{"web-server", {}};
  for (const std::string_view name :
       {"virtual_crtm", "virtual_bios", "boot_loader", "boot_config", "kernel", "initrd"}) {
    image.software.push_back(stage(name));
  }
  const auto file = [&](std::string_view path, MeasuredClass kind) {
    image.software.push_back({std::string(path), kind, {}});
  };
  file("/lib/modules/xen-netfront.ko", MeasuredClass::kernel_module);
  file("/lib/libc.so.6", MeasuredClass::library);
  file("/lib/libcrypto.so.3", MeasuredClass::library);
  file("/sbin/init", MeasuredClass::program);
  file("/etc/ssh/sshd_config", MeasuredClass::configuration);
  file("/usr/sbin/sshd", MeasuredClass::program);
  file("/etc/nginx/nginx.conf", MeasuredClass::configuration);
  file("/usr/sbin/nginx", MeasuredClass::program);
  file("/bin/sh", MeasuredClass::program);
  file("/etc/cron.daily/logrotate", MeasuredClass::script);
  file("/var/lib/nginx/sites.db", MeasuredClass::structured_data);
  return image;
}

}  // namespace tvdsim::models
