// Two policies, two Specs or two runs: what is different, with a witness each.
//
// For policies the question is an operator's: which decisions flip if I deploy this? Every pair of labels (or, with an
// inventory, of named VMs, resources and hosts) whose sharing, authorization or collocation changes is one row.
//
// Invariant  diff(a, a) is empty; a row's `before` and `after` differ; rows are sorted by kind, first, second.
// Cost       policies: pairs of the inventory, or of labels when there is none; runs: one pass over each table.
// Threads    pure, but for the files read.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "models/acm/policy.hpp"
#include "scenarios/spec.hpp"

namespace tvdsim::scenarios {

// What is there: the things a policy change is asked about. An empty inventory stands for one of each label.
struct Inventory {
  struct Item {
    enum class Kind : unsigned char { vm, resource, host } kind = Kind::vm;
    std::string name, label;
  };
  std::vector<Item> items;
};
Inventory inventory_of(const Spec& spec);

struct Flip {
  std::string kind;           // sharing | resource | authorization | collocation
  std::string first, second;  // names from the inventory, or labels
  std::string first_label, second_label;
  std::string before, after;  // permit | deny
  std::string witness;  // one sentence: the type gained or lost, the conflict set, the label that is gone
};
struct PolicyDiff {
  std::string before, after;                // "name version"
  std::string before_digest, after_digest;  // hex
  std::vector<Flip> flips;
};
PolicyDiff diff_policies(const models::Policy& before, const models::Policy& after,
                         const Inventory& inventory = {});

struct FieldChange {
  std::string path, before, after;  // before/after: JSON text, or "" where the field is absent
};
std::vector<FieldChange> diff_specs(const Spec& before, const Spec& after);

// The first place where two runs part, table by table.
struct TableDifference {
  std::string table;
  std::uint64_t count_before = 0, count_after = 0;
  bool differs = false;
  std::uint64_t row = 0;      // number of the first row that differs, from 0
  std::int64_t time_ns = -1;  // when, or -1 for a table without a time
  std::string before, after;  // the rows as "column=value, …"; "" where one run has no such row
};
struct RunDiff {
  std::string before_fingerprint, after_fingerprint;
  bool same = false;                    // fingerprints are equal
  std::vector<TableDifference> tables;  // those that differ, earliest first
};
RunDiff diff_runs(std::string_view before_directory, std::string_view after_directory);

std::string to_text(const PolicyDiff& diff);
std::string to_text(const std::vector<FieldChange>& changes);
std::string to_text(const RunDiff& diff);
std::string to_json(const PolicyDiff& diff);
std::string to_json(const std::vector<FieldChange>& changes);
std::string to_json(const RunDiff& diff);

}  // namespace tvdsim::scenarios
