#include "models/acm_io/xml_grammar.hpp"

namespace tvdsim::models {
namespace {

constexpr XmlAttribute kFrom[] = {{"from", false, ""}};
constexpr XmlAttribute kPriority[] = {{"priority", false, "PrimaryPolicyComponent"}};
constexpr XmlAttribute kBootstrap[] = {{"bootstrap", true, ""}};
constexpr XmlAttribute kName[] = {{"name", true, ""}};

constexpr XmlElement text(std::string_view name) { return {name, true, {}, {}}; }

constexpr XmlElement type = text("Type"), policy_name = text("PolicyName"), policy_url = text("PolicyUrl"),
                     reference = text("Reference"), date = text("Date"),
                     name_space_url = text("NameSpaceUrl"), version = text("Version");
constexpr XmlElement label_name{"Name", true, {}, kFrom};

constexpr XmlChild kFromPolicy[] = {{&policy_name, 1, 1}, {&version, 1, 1}};
constexpr XmlElement from_policy{"FromPolicy", false, kFromPolicy, {}};
constexpr XmlChild kHeader[] = {{&policy_name, 1, 1}, {&policy_url, 0, 1},     {&reference, 0, 1},
                                {&date, 0, 1},        {&name_space_url, 0, 1}, {&version, 1, 1},
                                {&from_policy, 0, 1}};
constexpr XmlElement header{"PolicyHeader", false, kHeader, {}};

constexpr XmlChild kTypes[] = {{&type, 1, kUnbounded}};
constexpr XmlElement ste_types{"SimpleTypeEnforcementTypes", false, kTypes, {}};
constexpr XmlElement wall_types{"ChineseWallTypes", false, kTypes, {}};
constexpr XmlChild kSte[] = {{&ste_types, 1, 1}};
constexpr XmlElement ste{"SimpleTypeEnforcement", false, kSte, kPriority};

constexpr XmlElement conflict{"Conflict", false, kTypes, kName};
constexpr XmlChild kConflicts[] = {{&conflict, 1, kUnbounded}};
constexpr XmlElement conflict_sets{"ConflictSets", false, kConflicts, {}};
constexpr XmlChild kWall[] = {{&wall_types, 1, 1}, {&conflict_sets, 0, 1}};
constexpr XmlElement wall{"ChineseWall", false, kWall, kPriority};

constexpr XmlChild kVmLabel[] = {
    {&label_name, 1, 1}, {&ste_types, 0, kUnbounded}, {&wall_types, 0, kUnbounded}};
constexpr XmlElement vm_label{"VirtualMachineLabel", false, kVmLabel, {}};
constexpr XmlChild kOneType[] = {{&type, 1, 1}};
constexpr XmlElement one_ste_type{"SimpleTypeEnforcementTypes", false, kOneType, {}};
constexpr XmlChild kResourceLabel[] = {{&label_name, 1, 1}, {&one_ste_type, 1, 1}};
constexpr XmlElement resource_label{"ResourceLabel", false, kResourceLabel, {}};

constexpr XmlChild kSubjects[] = {{&vm_label, 1, kUnbounded}};
constexpr XmlElement subjects{"SubjectLabels", false, kSubjects, kBootstrap};
constexpr XmlChild kObjects[] = {{&resource_label, 1, kUnbounded}};
constexpr XmlElement objects{"ObjectLabels", false, kObjects, {}};
constexpr XmlChild kTemplate[] = {{&subjects, 0, 1}, {&objects, 0, 1}};
constexpr XmlElement label_template{"SecurityLabelTemplate", false, kTemplate, {}};

constexpr XmlChild kRoot[] = {{&header, 1, 1}, {&ste, 0, 1}, {&wall, 0, 1}, {&label_template, 1, 1}};
constexpr XmlElement root{"SecurityPolicyDefinition", false, kRoot, {}};

}  // namespace

const XmlElement& policy_grammar() noexcept { return root; }

}  // namespace tvdsim::models
