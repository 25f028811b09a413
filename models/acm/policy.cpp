#include "models/acm/policy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <utility>

#include "models/acm/bit_row.hpp"
#include "models/acm/policy_check.hpp"

namespace tvdsim::models {

namespace {

// Sorted by code point: bytes of UTF-8 compare the same way. Empty names name nothing.
std::vector<std::string> sorted_names(std::vector<std::string> names) {
  std::erase(names, std::string{});
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

std::uint32_t index_of(std::span<const std::string> sorted, std::string_view name) noexcept {
  const auto it = std::lower_bound(sorted.begin(), sorted.end(), name);
  return it != sorted.end() && *it == name ? static_cast<std::uint32_t>(it - sorted.begin())
                                           : Policy::kNoType;
}

void set_types(std::span<std::uint64_t> row, std::span<const std::string> sorted,
               std::span<const std::string> names) {
  for (const std::string& name : names) {
    if (const std::uint32_t type = index_of(sorted, name); type != Policy::kNoType) set_bit(row, type);
  }
}

// Rows of unequal length, one after the other.
template <class T>
struct Ragged {
  std::vector<std::uint32_t> begin{0};
  std::vector<T> items;

  void close_row() { begin.push_back(static_cast<std::uint32_t>(items.size())); }
  std::span<const T> row(std::uint32_t r) const noexcept {
    return std::span(items).subspan(begin[r], begin[r + 1] - begin[r]);
  }
};

}  // namespace

struct Policy::Tables {
  PolicyDef def;
  PolicyMode mode = PolicyMode::strict;
  Digest digest{};
  std::vector<std::string> ste_types, wall_types, names, set_names;
  std::uint32_t labels = 0, vm_labels = 0, ste_words = 0, wall_words = 0;
  std::vector<std::uint64_t> ste, wall, sets;
  Ragged<std::uint32_t> sets_naming, sets_met;
  Ragged<Exclusion> exclusions;
  std::vector<bool> self_conflict;

  std::span<const std::uint64_t> wall_row(std::uint32_t label) const noexcept {
    return std::span(wall).subspan(std::size_t{label} * wall_words, wall_words);
  }
  std::span<const std::uint64_t> set_row(std::uint32_t set) const noexcept {
    return std::span(sets).subspan(std::size_t{set} * wall_words, wall_words);
  }

  void fill();
  void fill_labels();
  void fill_sets();
  void fill_exclusions(std::uint32_t label);
};

void Policy::Tables::fill() {
  ste_types = sorted_names(def.ste_types);
  wall_types = sorted_names(def.wall_types);
  ste_words = words_for(ste_types.size());
  wall_words = words_for(wall_types.size());
  fill_labels();
  fill_sets();
  for (std::uint32_t label = 0; label < labels; ++label) fill_exclusions(label);
}

void Policy::Tables::fill_labels() {
  const auto by_name = [](const LabelDef* a, const LabelDef* b) { return a->name < b->name; };
  std::vector<const LabelDef*> vms, resources;
  const LabelDef *unlabelled = nullptr, *bootstrap = nullptr;
  for (const LabelDef& label : def.vm_labels) {
    if (label.name == kUnlabelledName)
      unlabelled = &label;
    else if (label.name == def.bootstrap)
      bootstrap = &label;
    else
      vms.push_back(&label);
  }
  for (const LabelDef& label : def.resource_labels) {
    if (label.name != kUnlabelledName) resources.push_back(&label);
  }
  std::sort(vms.begin(), vms.end(), by_name);
  std::sort(resources.begin(), resources.end(), by_name);

  std::vector<const LabelDef*> rows{unlabelled, bootstrap};
  rows.insert(rows.end(), vms.begin(), vms.end());
  vm_labels = static_cast<std::uint32_t>(rows.size());
  rows.insert(rows.end(), resources.begin(), resources.end());
  labels = static_cast<std::uint32_t>(rows.size());

  ste.assign(std::size_t{labels} * ste_words, 0);
  wall.assign(std::size_t{labels} * wall_words, 0);
  for (std::uint32_t i = 0; i < labels; ++i) {
    if (rows[i] == nullptr) {
      names.emplace_back(i == kUnlabelled.value ? std::string(kUnlabelledName) : def.bootstrap);
      continue;
    }
    names.push_back(rows[i]->name);
    set_types(std::span(ste).subspan(std::size_t{i} * ste_words, ste_words), ste_types, rows[i]->ste);
    if (i < vm_labels)
      set_types(std::span(wall).subspan(std::size_t{i} * wall_words, wall_words), wall_types, rows[i]->wall);
  }
}

void Policy::Tables::fill_sets() {
  std::vector<const ConflictSetDef*> order;
  for (const ConflictSetDef& set : def.conflict_sets) order.push_back(&set);
  std::stable_sort(order.begin(), order.end(),
                   [](const ConflictSetDef* a, const ConflictSetDef* b) { return a->name < b->name; });
  sets.assign(order.size() * wall_words, 0);
  for (std::size_t i = 0; i < order.size(); ++i) {
    set_names.push_back(order[i]->name);
    set_types(std::span(sets).subspan(i * wall_words, wall_words), wall_types, order[i]->types);
  }
  std::vector<std::vector<std::uint32_t>> naming(wall_types.size());
  for (std::uint32_t set = 0; set < order.size(); ++set)
    for_each_bit(set_row(set), [&](std::uint32_t type) { naming[type].push_back(set); });
  for (const auto& of_type : naming) {
    sets_naming.items.insert(sets_naming.items.end(), of_type.begin(), of_type.end());
    sets_naming.close_row();
  }
}

void Policy::Tables::fill_exclusions(std::uint32_t label) {
  const auto row = wall_row(label);
  std::vector<std::uint32_t> met;
  for_each_bit(row, [&](std::uint32_t type) {
    const auto naming = sets_naming.row(type);
    met.insert(met.end(), naming.begin(), naming.end());
  });
  std::sort(met.begin(), met.end());
  // A set met twice is met by two types of one label.
  self_conflict.push_back(std::adjacent_find(met.begin(), met.end()) != met.end());
  met.erase(std::unique(met.begin(), met.end()), met.end());

  std::vector<std::uint32_t> excluded;
  for (const std::uint32_t set : met) {
    const auto types = set_row(set);
    for (std::uint32_t word = 0; word < wall_words; ++word) {
      for (std::uint64_t bits = types[word] & ~row[word]; bits != 0; bits &= bits - 1) {
        excluded.push_back(word * kWordBits + static_cast<std::uint32_t>(std::countr_zero(bits)));
      }
    }
  }
  std::sort(excluded.begin(), excluded.end());
  for (const std::uint32_t type : excluded) {
    auto& items = exclusions.items;
    if (items.size() > exclusions.begin.back() && items.back().type == type)
      ++items.back().sets;
    else
      items.push_back({type, 1});
  }
  exclusions.close_row();
  sets_met.items.insert(sets_met.items.end(), met.begin(), met.end());
  sets_met.close_row();
}

Policy::Policy(std::unique_ptr<Tables> tables) : tables_(std::move(tables)) {
  const Tables& t = *tables_;
  const auto where = [](const auto& ragged) {
    return RaggedRows<typename std::remove_cvref_t<decltype(ragged.items)>::value_type>{ragged.begin.data(),
                                                                                        ragged.items.data()};
  };
  rows_ = {.labels = t.labels,
           .vm_labels = t.vm_labels,
           .wall_types = static_cast<std::uint32_t>(t.wall_types.size()),
           .ste_words = t.ste_words,
           .wall_words = t.wall_words,
           .ste = t.ste.data(),
           .wall = t.wall.data(),
           .sets_naming = where(t.sets_naming),
           .sets_met = where(t.sets_met),
           .exclusions = where(t.exclusions)};
}
Policy::~Policy() = default;

std::shared_ptr<const Policy> Policy::compile(PolicyDef def, PolicyMode mode, Digest digest,
                                              sim::Findings& findings) {
  const std::size_t before = findings.list().size();
  check_policy(def, mode, findings);
  const auto is_error = [](const sim::Finding& f) { return f.severity == sim::Severity::error; };
  if (std::ranges::any_of(std::span(findings.list()).subspan(before), is_error)) return nullptr;
  auto tables = std::make_unique<Tables>();
  tables->def = std::move(def);
  tables->mode = mode;
  tables->digest = digest;
  tables->fill();
  return std::shared_ptr<const Policy>(new Policy(std::move(tables)));
}

std::shared_ptr<const Policy> Policy::deny_all() {
  auto tables = std::make_unique<Tables>();
  tables->def.name = "deny_all";
  tables->def.bootstrap = "SystemManagement";
  tables->def.vm_labels.push_back({.name = "SystemManagement"});
  tables->fill();
  return std::shared_ptr<const Policy>(new Policy(std::move(tables)));
}

const PolicyDef& Policy::def() const noexcept { return tables_->def; }
PolicyMode Policy::mode() const noexcept { return tables_->mode; }
const Digest& Policy::digest() const noexcept { return tables_->digest; }
std::span<const std::string> Policy::ste_types() const noexcept { return tables_->ste_types; }
std::span<const std::string> Policy::wall_types() const noexcept { return tables_->wall_types; }

std::string_view Policy::label_name(LabelId label) const noexcept {
  return label.value < tables_->labels ? std::string_view(tables_->names[label.value]) : std::string_view();
}

LabelId Policy::find_vm_label(std::string_view name) const noexcept {
  if (name == kUnlabelledName) return kUnlabelled;
  const std::span names(tables_->names);
  if (name == names[kBootstrap.value]) return kBootstrap;
  const std::uint32_t i = index_of(names.subspan(2, tables_->vm_labels - 2), name);
  return i == kNoType ? LabelId::none() : LabelId{i + 2};
}

LabelId Policy::find_resource_label(std::string_view name) const noexcept {
  if (name == kUnlabelledName) return kUnlabelled;
  const std::uint32_t i = index_of(std::span(tables_->names).subspan(tables_->vm_labels), name);
  return i == kNoType ? LabelId::none() : LabelId{i + tables_->vm_labels};
}

std::uint32_t Policy::conflict_sets() const noexcept {
  return static_cast<std::uint32_t>(tables_->set_names.size());
}

std::string_view Policy::conflict_set_name(std::uint32_t set) const noexcept {
  return set < tables_->set_names.size() ? std::string_view(tables_->set_names[set]) : std::string_view();
}

std::span<const std::uint64_t> Policy::conflict_set(std::uint32_t set) const noexcept {
  return set < tables_->set_names.size() ? tables_->set_row(set) : std::span<const std::uint64_t>();
}

bool Policy::authorizes(LabelId host, LabelId vm) const noexcept {
  return first_missing_type(host, vm) == kNoType && shares(host, vm);
}

bool Policy::excludes(LabelId running, LabelId starting) const noexcept {
  const auto row = wall(starting);
  if (row.empty()) return false;
  return std::ranges::any_of(exclusions(running), [&](const Exclusion& e) { return has_bit(row, e.type); });
}

bool Policy::conflicts_with_itself(LabelId label) const noexcept {
  return label.value < tables_->labels && tables_->self_conflict[label.value];
}

std::string PolicyDef::place(TextPlace of) const {
  if (of.line == 0) of = where;
  if (of.line != 0) return fmt::format("{}:{}:{}", file, of.line, of.column);
  return file.empty() ? fmt::format("policy `{}`", name) : file;
}

bool same_definitions(const PolicyDef& a, const PolicyDef& b) {
  const auto same_label = [](const LabelDef& x, const LabelDef& y) {
    return x.name == y.name && x.ste == y.ste && x.wall == y.wall && x.renamed_from == y.renamed_from;
  };
  const auto same_set = [](const ConflictSetDef& x, const ConflictSetDef& y) {
    return x.name == y.name && x.types == y.types;
  };
  return a.name == b.name && a.version == b.version && a.url == b.url && a.reference == b.reference &&
         a.date == b.date && a.name_space_url == b.name_space_url && a.from == b.from &&
         a.has_ste == b.has_ste && a.has_wall == b.has_wall && a.ste_types == b.ste_types &&
         a.wall_types == b.wall_types && a.bootstrap == b.bootstrap &&
         std::ranges::equal(a.vm_labels, b.vm_labels, same_label) &&
         std::ranges::equal(a.resource_labels, b.resource_labels, same_label) &&
         std::ranges::equal(a.conflict_sets, b.conflict_sets, same_set);
}

}  // namespace tvdsim::models
