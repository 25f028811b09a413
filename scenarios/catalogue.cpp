#include "scenarios/catalogue.hpp"

#include <fmt/format.h>

#include "models/attack/attack.hpp"
#include "scenarios/json.hpp"
#include "scenarios/spec_text.hpp"
#include "sim/trace/trace.hpp"

namespace tvdsim::scenarios {
namespace {

Json row(std::initializer_list<std::pair<std::string_view, std::string_view>> cells) {
  Json one = Json::object();
  for (const auto& [name, text] : cells) one.add(name, text);
  return one;
}

Json hooks() {
  Json list = Json::array();
#define HOOK(name, subject, object, point, guards, refused) \
  list.items.push_back(row({{"name", #name},                \
                            {"subject", #subject},          \
                            {"object", #object},            \
                            {"point", #point},              \
                            {"guards", guards},             \
                            {"refused", refused}}));
#include "sim/base/hooks.def"
#undef HOOK
  return list;
}

Json controls() {
  Json list = Json::array();
#define CONTROL(name, stops, without) \
  list.items.push_back(row({{"name", #name}, {"stops", stops}, {"without", without}}));
#include "sim/base/controls.def"
#undef CONTROL
  return list;
}

Json verdicts() {
  Json list = Json::array();
#define VERDICT(name, property, answer, what) \
  list.items.push_back(row({{"name", #name}, {"property", property}, {"answer", #answer}, {"what", what}}));
#include "vtpm/evidence/verdicts.def"
#undef VERDICT
  return list;
}

Json rules() {
  Json list = Json::array();
#define RULE(name, control, sentence) \
  list.items.push_back(row({{"name", #name}, {"control", #control}, {"sentence", sentence}}));
#include "sim/base/rules.def"
#undef RULE
  return list;
}

Json errors() {
  Json list = Json::array();
#define ERROR(number, name, what) \
  list.items.push_back(row({{"code", "TVD-" #number}, {"name", #name}, {"what", what}}));
#include "sim/base/errors.def"
#undef ERROR
  return list;
}

Json causes() {
  Json list = Json::array();
#define CAUSE(name, what) list.items.push_back(row({{"name", #name}, {"what", what}}));
#include "sim/trace/causes.def"
#undef CAUSE
  return list;
}

std::string_view name_of(sim::TableKind kind) {
  switch (kind) {
    case sim::TableKind::rare:
      return "rare";
    case sim::TableKind::bulk:
      return "bulk";
    case sim::TableKind::truth:
      return "truth";
  }
  return "";
}

std::string_view name_of(sim::ColumnType type) {
  switch (type) {
    case sim::ColumnType::time:
      return "time";
    case sim::ColumnType::span:
      return "span";
    case sim::ColumnType::u32:
      return "u32";
    case sim::ColumnType::u64:
      return "u64";
    case sim::ColumnType::i64:
      return "i64";
    case sim::ColumnType::text:
      return "text";
  }
  return "";
}

Json tables() {
  Json list = Json::array();
  for (const auto& table : sim::table_infos()) {
    Json one = row({{"name", table.name}, {"kind", name_of(table.kind)}, {"what", table.what}});
    Json columns = Json::array();
    for (const auto& column : table.columns) {
      columns.items.push_back(
          row({{"name", column.name}, {"type", name_of(column.type)}, {"what", column.what}}));
    }
    list.items.push_back(std::move(one.add("columns", std::move(columns))));
  }
  return list;
}

Json actions() {
  Json list = Json::array();
  for (const auto& info : models::action_infos()) {
    Json one = row({{"name", info.name}, {"principal", info.principal}, {"what", info.what}});
    Json fields = Json::array();
    for (const auto& field : action_fields(info)) {
      Json cell = Json::object();
      cell.add("name", field.name).add("required", field.required);
      fields.items.push_back(std::move(cell));
    }
    list.items.push_back(std::move(one.add("fields", std::move(fields))));
  }
  return list;
}

Json attacks() {
  Json list = Json::array();
  for (const auto* attack : models::attacks()) {
    list.items.push_back(row({{"id", attack->id()},
                              {"title", attack->title()},
                              {"source", attack->source()},
                              {"control", sim::to_text(attack->control())}}));
  }
  return list;
}

}  // namespace

std::string catalogue_json() {
  Json all = Json::object();
  all.add("spec_version", std::uint64_t{kSpecVersion});
  all.add("hooks", hooks())
      .add("controls", controls())
      .add("verdicts", verdicts())
      .add("rules", rules())
      .add("errors", errors());
  all.add("tables", tables()).add("causes", causes()).add("actions", actions()).add("attacks", attacks());
  return to_text(all);
}

}  // namespace tvdsim::scenarios
