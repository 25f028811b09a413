#include "sim/trace/trace.hpp"

#include <openssl/evp.h>

#include <cstring>
#include <limits>

#include "sim/base/error.hpp"

namespace tvdsim::sim {
namespace {

constexpr std::size_t kCauses = []() constexpr {
  std::size_t n = 0;
#define CAUSE(name, what) ++n;
#include "sim/trace/causes.def"
#undef CAUSE
  return n;
}
();

constexpr std::string_view kCauseNames[] = {
#define CAUSE(name, what) #name,
#include "sim/trace/causes.def"
#undef CAUSE
};

// In the hashed stream a text stands between rows; no table has this number.
constexpr unsigned char kTextMark = 0xff;
static_assert(kTables < kTextMark);

#define TABLE(name, kind, what) static_assert(sizeof(rows::name) < 448, "a row must fit the block's reserve");
#define COLUMN(table, type, name, what)
#define TABLE_END(name)
#include "sim/trace/tables.def"
#undef TABLE
#undef COLUMN
#undef TABLE_END

struct DigestFree {
  void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
};
using Digest = std::unique_ptr<EVP_MD_CTX, DigestFree>;

Digest new_digest() {
  Digest digest(EVP_MD_CTX_new());
  if (!digest || EVP_DigestInit_ex(digest.get(), EVP_sha256(), nullptr) != 1) {
    throw WorldError("cannot start a SHA-256 digest", "EVP_DigestInit_ex");
  }
  return digest;
}

}  // namespace

std::string_view to_text(Cause cause) noexcept {
  TVDSIM_ASSERT(static_cast<std::size_t>(cause) < kCauses, "a cause lies outside its table");
  return kCauseNames[static_cast<std::size_t>(cause)];
}

struct Trace::Impl {
  Digest digest = new_digest();
  std::deque<std::string> texts;                            // by TextId; addresses stay
  std::unordered_map<std::string_view, std::uint32_t> ids;  // looked up, never iterated
  std::vector<std::uint32_t> number;  // by TextId: canonical number, kNone before first use
  std::uint32_t numbered = 0;
  std::array<std::vector<std::vector<std::uint64_t>>, kTables> columns;
  std::array<Charge, kCauses> ledger;

  void hash(const void* bytes, std::size_t size) noexcept {
    TVDSIM_ASSERT(EVP_DigestUpdate(digest.get(), bytes, size) == 1, "SHA-256 took no more bytes");
  }
};

Trace::Trace() : impl_(std::make_unique<Impl>()) {
  const auto& infos = table_infos();
  for (std::size_t i = 0; i < kTables; ++i) {
    stored_[i] = infos[i].kind != TableKind::bulk;
    impl_->columns[i].resize(infos[i].columns.size());
  }
}
Trace::~Trace() = default;

TextId Trace::text(std::string_view words) {
  if (const auto found = impl_->ids.find(words); found != impl_->ids.end()) return {found->second};
  TVDSIM_ASSERT(impl_->texts.size() < TextId::kNone, "a trace holds fewer than 2^32 texts");
  const auto id = static_cast<std::uint32_t>(impl_->texts.size());
  const std::string& kept = impl_->texts.emplace_back(words);
  impl_->ids.emplace(kept, id);
  impl_->number.push_back(TextId::kNone);
  return {id};
}

std::string_view Trace::text(TextId id) const noexcept {
  if (!id.exists()) return {};
  TVDSIM_ASSERT(id.value < impl_->texts.size(), "a text id comes from another trace");
  return impl_->texts[id.value];
}

std::uint32_t Trace::texts() const noexcept { return static_cast<std::uint32_t>(impl_->texts.size()); }

void Trace::flush() noexcept {
  impl_->hash(block_.data(), used_);
  used_ = 0;
}

std::uint32_t Trace::canonical(TextId id) {
  if (!id.exists()) return TextId::kNone;
  TVDSIM_ASSERT(id.value < impl_->number.size(), "a text id comes from another trace");
  std::uint32_t& number = impl_->number[id.value];
  if (number == TextId::kNone) {
    number = impl_->numbered++;
    const std::string& words = impl_->texts[id.value];
    if (used_ > kBlock - kRowMost) flush();
    RowWriter writer{*this};
    writer.put(kTextMark);
    writer.put(static_cast<std::uint64_t>(words.size()));
    writer.done();
    if (words.size() > kBlock - used_) flush();
    if (words.size() > kBlock) {
      impl_->hash(words.data(), words.size());
    } else {
      std::memcpy(block_.data() + used_, words.data(), words.size());
      used_ += words.size();
    }
  }
  return number;
}

void Trace::keep(TableId table, const std::uint64_t* cells, std::size_t n) {
  auto& columns = impl_->columns[static_cast<std::size_t>(table)];
  for (std::size_t i = 0; i < n; ++i) columns[i].push_back(cells[i]);
}

void Trace::store(TableId table, bool stored) { stored_[static_cast<std::size_t>(table)] = stored; }

const std::vector<std::uint64_t>& Trace::column(TableId table, std::size_t column) const {
  const auto& columns = impl_->columns[static_cast<std::size_t>(table)];
  TVDSIM_ASSERT(column < columns.size(), "the table has no such column");
  return columns[column];
}

std::string Trace::fingerprint() {
  const Digest copy(EVP_MD_CTX_new());
  unsigned char sum[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (!copy || EVP_MD_CTX_copy_ex(copy.get(), impl_->digest.get()) != 1 ||
      EVP_DigestUpdate(copy.get(), block_.data(), used_) != 1 ||
      EVP_DigestFinal_ex(copy.get(), sum, &size) != 1) {
    throw WorldError("cannot finish a SHA-256 digest", "EVP_DigestFinal_ex");
  }
  constexpr char kHex[] = "0123456789abcdef";
  std::string hex;
  for (unsigned i = 0; i < size; ++i) {
    hex += kHex[sum[i] >> 4];
    hex += kHex[sum[i] & 15];
  }
  return hex;
}

void Trace::charge(Cause cause, Duration duration) noexcept {
  TVDSIM_ASSERT(duration.ns >= 0, "time is never given back: a charge is not negative");
  Charge& charge = impl_->ledger[static_cast<std::size_t>(cause)];
  TVDSIM_ASSERT(duration.ns <= std::numeric_limits<std::int64_t>::max() - charge.total.ns,
                "a ledger sum overflows");
  ++charge.count;
  charge.total = charge.total + duration;
}

const Trace::Charge& Trace::charged(Cause cause) const noexcept {
  return impl_->ledger[static_cast<std::size_t>(cause)];
}

void Trace::append_ledger() {
  for (std::size_t i = 0; i < kCauses; ++i) {
    const Charge& charge = impl_->ledger[i];
    if (charge.count == 0) continue;
    append(rows::charges{.cause = text(kCauseNames[i]), .count = charge.count, .total_ns = charge.total});
  }
}

}  // namespace tvdsim::sim
