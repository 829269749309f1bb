#include "tools/commands/commands.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "mode/evaluation/evaluation.h"
#include "mode/evaluation/metrics.h"
#include "mode/evaluation/results.h"
#include "mode/evaluation/tables.h"
#include "mode/version.h"
#include "nn/text.h"
#include "tensor/isa.h"
#include "tools/commands/common.h"

namespace mode::tools {

namespace {

void check_options(const EvalOptions& options, const std::vector<NamedSpec>& ood) {
  if (options.id.empty() && options.id_test.empty())
    throw UsageError("--id SPEC (training images) or --id-test SPEC is needed, for example --id-test 'cifar10:DIR?split=test'");
  if (!ood.empty() && options.id.empty()) throw UsageError("--ood needs --id SPEC: the training images that the detectors compare with");
  std::vector<std::string> names;
  for (const NamedSpec& set : ood) names.push_back(set.name);
  check_ood_names(names);
}

/// Why the file's classifier is none to judge by: "untrained (loss supcon)", "stale (ALPA alone)"; empty where it is.
std::string fault_of_classifier(const nn::Checkpoint& checkpoint) {
  const auto value_of = [&](const char* key) {
    const auto found = checkpoint.metadata.find(key);
    return found == checkpoint.metadata.end() ? std::string() : found->second;
  };
  const std::string classifier = value_of("classifier");
  if (classifier == "untrained") return fmt::format("untrained (loss {})", nn::printable(value_of("loss")));
  return classifier == "stale" ? "stale (everything but the classifier was trained further)" : "";
}

/// The methods that need no logits, and a line on those that do.
std::vector<std::string> without_logit_methods(const std::vector<std::string>& methods, const std::string& fault) {
  std::vector<std::string> kept, dropped;
  for (const std::string& method : methods) (method == "knn" || method == "csd" ? kept : dropped).push_back(method);
  if (!dropped.empty()) fmt::print("n/a        {}: the network's classifier is {}; mode probe trains one\n", join(dropped, ", "), fault);
  return kept;
}

/// Accuracy of `features` in one line, with the count behind it.
void print_accuracy(const Features& features, const std::string& spec) {
  for (int64_t row = 0; row < features.size(); ++row)
    if (features.labels.data<int64_t>()[row] < 0) {
      fmt::print("ID accuracy: n/a ({} has images without a label)\n", spec);
      return;
    }
  const int64_t right = count_right(features.logits, features.labels);
  fmt::print("ID accuracy: {:.2f} % ({} of {} right)\n", 100.0 * static_cast<double>(right) / static_cast<double>(features.size()),
             with_commas(right), with_commas(features.size()));
}

void print_knn_accuracy(const Features& train, const Features& id_test, int64_t k, const std::string& fault) {
  const auto labeled = [](const Features& features) {
    const int64_t* labels = features.labels.data<int64_t>();
    return std::all_of(labels, labels + features.size(), [](int64_t label) { return label >= 0; });
  };
  if (train.labels.defined() && labeled(train) && labeled(id_test))
    fmt::print("ID accuracy: {:.2f} % by the {} nearest neighbors; the classifier is {}\n\n", 100 * knn_accuracy(train, id_test, k),
               std::min(k, train.size()), fault);
  else
    fmt::print("ID accuracy: n/a; the classifier is {}; mode probe trains one\n\n", fault);
}

std::unique_ptr<nn::Dataset> open_checked(const std::string& spec, const nn::LoadedModel& model, bool in_distribution) {
  std::unique_ptr<nn::Dataset> dataset = nn::open_dataset(spec, model.checkpoint.preprocessing.framing());
  CHECK(dataset->size() > 0, "{} has no images", spec);
  if (!in_distribution) return dataset;
  // A label must mean what it meant in training.
  const std::vector<std::string>& trained = model.checkpoint.class_names;
  const int64_t classes = model.net->config().classes;
  const bool same = trained.empty() || dataset->class_names().empty() ? dataset->classes() <= classes : dataset->class_names() == trained;
  CHECK(same, "the classes of {} are not those the network was trained on ({} of them{}{}); choose its own --id and --id-test", spec,
        classes, trained.empty() ? "" : ": ",
        join({trained.begin(), trained.begin() + std::min<int64_t>(3, static_cast<int64_t>(trained.size()))}, ", "));
  return dataset;
}

DetectorOptions detector_options(const EvalOptions& options) {
  using Reduce = NeighborOptions::Reduce;
  DetectorOptions detectors;
  detectors.knn.k = options.knn_k;
  detectors.csd.k = options.csd_k;
  detectors.csd.scale_sets = options.csd_scales.empty() ? csd_scale_sets() : options.csd_scales;
  detectors.csd.cross = options.csd_match == "cross";
  detectors.csd.reduce = options.csd_reduce == "min" ? Reduce::min : options.csd_reduce == "mean" ? Reduce::mean : Reduce::max;
  detectors.csd.bank_rows = options.bank_rows;
  detectors.csd.bank_choice = options.bank_choice == "random" ? BankChoice::random : BankChoice::kcenter;
  return detectors;
}

/// What has to be extracted for both knn, which takes the global vector, and csd.
std::vector<std::string> scale_sets_of(const NeighborOptions& csd) {
  std::vector<std::string> sets = csd.scale_sets;
  if (std::find(sets.begin(), sets.end(), "global") == sets.end()) sets.insert(sets.begin(), "global");
  return sets;
}

/// K beyond the bank: known from the number of images and the size of the last map, before any feature is extracted.
void check_banks(const std::vector<std::string>& methods, const DetectorOptions& options, const nn::LoadedModel& model,
                 const nn::Dataset& train) {
  const int64_t edge = model.checkpoint.preprocessing.size;
  nn::Shape map;
  for (const nn::LayerRow& row : model.net->layer_table(edge, edge))
    if (row.output.rank() == 4) map = row.output;
  const std::vector<Scale> scales = scales_of(scale_sets_of(options.csd), map[1], map[2]);
  for (const std::string& method : methods) make_detector(method, options)->check_bank(train.size(), scales);
}

ReportContext context_of(const EvalOptions& options, const nn::LoadedModel& model, const std::string& test_spec,
                         const std::vector<NamedSpec>& ood) {
  ReportContext context;
  const auto seed = model.checkpoint.metadata.find("seed");
  if (seed != model.checkpoint.metadata.end()) {
    uint64_t number = 0;
    const std::string& text = seed->second;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc() && end == text.data() + text.size()) context.seed = number;
  }
  context.arguments = options.command_line;
  context.facts = {{"model", options.model},
                   {"weights", nn::content_hash(nn::export_weights(*model.net))},
                   {"arch", model.net->arch()},
                   {"id", options.id},
                   {"id_test", test_spec},
                   {"commit", std::string(mode::commit())},
                   {"isa", std::string(tensor::name(tensor::isa()))},
                   {"device", name_of(model.net->device())}};
  for (const NamedSpec& set : ood) context.facts["ood." + set.name] = set.spec;
  return context;
}

}  // namespace

int run_eval(const EvalOptions& options) {
  std::vector<NamedSpec> ood_specs;
  for (const std::string& text : options.ood) ood_specs.push_back(parse_named_spec(text));
  check_options(options, ood_specs);
  std::vector<std::string> methods = parse_methods(options.methods);
  const tensor::Device device = device_of(options.device);
  use_threads(options.threads);

  nn::LoadedModel model = load_usable_model(options.model, {.arch = options.arch, .mean = options.mean, .std = options.std}, device);
  fmt::print("mode eval: {} from {}; {}\n", model.net->arch(), options.model, machine_line(device));

  const std::string fault = fault_of_classifier(model.checkpoint);
  if (!fault.empty() && !ood_specs.empty()) methods = without_logit_methods(methods, fault);
  CHECK(ood_specs.empty() || !methods.empty(),
        "no method is left that needs no classifier; take knn or csd, or give the network one by mode probe");

  const std::string test_spec = options.id_test.empty() ? options.id : options.id_test;
  const std::unique_ptr<nn::Dataset> test_set = open_checked(test_spec, model, true);
  // Every set is opened before the first is read: a misspelled one must not cost an hour.
  std::unique_ptr<nn::Dataset> train_set;
  std::vector<std::unique_ptr<nn::Dataset>> ood_sets;
  if (!ood_specs.empty()) train_set = open_checked(options.id, model, true);
  for (const NamedSpec& set : ood_specs) ood_sets.push_back(open_checked(set.spec, model, false));

  const DetectorOptions detectors = detector_options(options);
  const std::vector<std::string> scale_sets = scale_sets_of(detectors.csd);
  if (train_set) check_banks(methods, detectors, model, *train_set);
  if (!options.out.empty()) prepare_report(options.out, !ood_specs.empty());

  const Features id_test = features_of(model, *test_set, options.batch, options.id_test.empty() ? "ID" : "ID test", scale_sets);
  if (fault.empty()) print_accuracy(id_test, test_spec);
  Features train;
  std::vector<OodSet> ood;
  if (!ood_specs.empty()) {
    if (options.id_test.empty())
      fmt::print("note: without --id-test the detectors are judged on the images they were fitted on, each its own nearest neighbor\n");
    train = options.id_test.empty() ? id_test : features_of(model, *train_set, options.batch, "ID training", scale_sets);
    for (size_t set = 0; set < ood_sets.size(); ++set)
      ood.push_back({ood_specs[set].name, features_of(model, *ood_sets[set], options.batch, "OOD " + ood_specs[set].name, scale_sets)});
    fmt::print("scoring with {} ...\n\n", join(methods, ", "));
    std::fflush(stdout);
  }
  if (!fault.empty()) print_knn_accuracy(train, id_test, options.knn_k, fault);
  Evaluation evaluation = evaluate(ood.empty() ? std::vector<std::string>() : methods, detectors, train, id_test, ood);
  if (!fault.empty()) evaluation.id_accuracy = std::nan("");
  fmt::print("{}", format_table(evaluation));
  if (options.out.empty()) return 0;
  write_report(options.out, evaluation, id_test, ood, context_of(options, model, test_spec, ood_specs));
  fmt::print("\nreport     {}/results.json{}\n", options.out, ood.empty() ? "" : " and scores/");
  return 0;
}

}  // namespace mode::tools
