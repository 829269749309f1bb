#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "mode/evaluation/results.h"
#include "mode/evaluation/tables.h"
#include "nn/text.h"
#include "tools/commands/commands.h"
#include "tools/commands/common.h"

namespace mode::tools {

namespace {

void print_accuracy(const Features& features, const std::string& spec) {
  if (!all_labeled(features)) {
    fmt::print("ID accuracy: n/a ({} has images without a label)\n", spec);
    return;
  }
  fmt::print("ID accuracy: {:.2f} % ({} of {} right)\n", 100 * accuracy(features),
             with_commas(count_right(features.logits, features.labels)), with_commas(features.size()));
}

/// For a network without a usable classifier.
void print_knn_accuracy(const Features& train, const Features& id_test, int64_t k, const std::string& fault) {
  if (train.labels.defined() && all_labeled(train) && all_labeled(id_test))
    fmt::print("ID accuracy: {:.2f} % by the {} nearest neighbors; the classifier is {}\n\n", 100 * knn_accuracy(train, id_test, k),
               std::min(k, train.size()), fault);
  else
    fmt::print("ID accuracy: n/a; the classifier is {}; mode probe trains one\n\n", fault);
}

std::unique_ptr<nn::Dataset> open_nonempty(const std::string& spec, const nn::LoadedModel& model) {
  std::unique_ptr<nn::Dataset> dataset = nn::open_dataset(spec, model.checkpoint.preprocessing.framing());
  CHECK(dataset->size() > 0, "{} has no images; choose another dataset", spec);
  return dataset;
}

/// A dataset whose labels mean the network's classes.
std::unique_ptr<nn::Dataset> open_id(const std::string& spec, const nn::LoadedModel& model) {
  std::unique_ptr<nn::Dataset> dataset = open_nonempty(spec, model);
  const std::vector<std::string>&trained = model.checkpoint.class_names, &names = dataset->class_names();
  const int64_t classes = model.net->config().classes;
  const bool same = trained.empty() || names.empty() ? dataset->classes() <= classes : names == trained;
  const std::vector<std::string> first(trained.begin(), trained.begin() + std::min<int64_t>(3, static_cast<int64_t>(trained.size())));
  CHECK(same, "the classes of {} differ from the {} classes that the network was trained on{}{}; choose its own --id and --id-test", spec,
        classes, first.empty() ? "" : ": ", nn::joined(first));
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

}  // namespace

int run_eval(const EvalOptions& options) {
  if (options.id.empty() && options.id_test.empty())
    throw UsageError("--id SPEC (training images) or --id-test SPEC is needed, for example --id-test 'cifar10:DIR?split=test'");
  if (!options.ood.empty() && options.id.empty()) throw UsageError("--ood needs --id SPEC: the training images of the detectors' bank");
  const std::vector<NamedSpec> ood_specs = parse_ood(options.ood);
  std::vector<std::string> methods = parse_methods(options.methods);
  const tensor::Device device = device_of(options.device);
  use_threads(options.threads);

  nn::LoadedModel model = load_usable_model(options.model, {.arch = options.arch, .mean = options.mean, .std = options.std}, device);
  fmt::print("mode eval: {} from {}; {}\n", model.net->arch(), options.model, machine_line(device));

  const std::string fault = classifier_fault(model.checkpoint);
  if (!fault.empty() && !ood_specs.empty()) {
    const auto dropped = std::stable_partition(methods.begin(), methods.end(), std::not_fn(needs_classifier));
    if (dropped != methods.end())
      fmt::print("n/a        {}: the network's classifier is {}; mode probe trains one\n",
                 nn::joined(std::vector<std::string>(dropped, methods.end())), fault);
    methods.erase(dropped, methods.end());
    CHECK(!methods.empty(), "the network's classifier is {}, and every chosen method needs one; choose knn or csd, or run mode probe",
          fault);
  }

  // Every dataset is opened before the first is read, so that a misspelled one fails at once.
  const std::string test_spec = options.id_test.empty() ? options.id : options.id_test;
  const std::unique_ptr<nn::Dataset> test_set = open_id(test_spec, model);
  std::unique_ptr<nn::Dataset> train_set;
  std::vector<std::unique_ptr<nn::Dataset>> ood_sets;
  if (!ood_specs.empty()) train_set = open_id(options.id, model);
  for (const NamedSpec& set : ood_specs) ood_sets.push_back(open_nonempty(set.spec, model));

  const DetectorOptions detectors = detector_options(options);
  if (train_set) check_banks(methods, detectors, *model.net, model.checkpoint.preprocessing.size, train_set->size());
  if (!options.out.empty()) prepare_report(options.out, !ood_specs.empty());

  const auto extract = [&](const nn::Dataset& dataset, const std::string& label) {
    return features_of(model, dataset, options.batch, label, scale_sets_of(detectors));
  };
  const Features id_test = extract(*test_set, options.id_test.empty() ? "ID" : "ID test");
  if (fault.empty()) print_accuracy(id_test, test_spec);
  Features train;
  std::vector<OodSet> ood;
  if (train_set) {
    if (options.id_test.empty())
      fmt::print("note: without --id-test the test images are the images of the bank; each is its own nearest neighbor\n");
    train = options.id_test.empty() ? id_test : extract(*train_set, "ID training");
    for (size_t set = 0; set < ood_sets.size(); ++set)
      ood.push_back({ood_specs[set].name, extract(*ood_sets[set], "OOD " + ood_specs[set].name)});
    fmt::print("scoring with {} ...\n\n", nn::joined(methods));
    std::fflush(stdout);
  }
  if (!fault.empty()) print_knn_accuracy(train, id_test, options.knn_k, fault);
  Evaluation evaluation = evaluate(ood.empty() ? std::vector<std::string>() : methods, detectors, train, id_test, ood);
  if (!fault.empty()) evaluation.id_accuracy = std::nan("");
  fmt::print("{}", format_table(evaluation));
  if (options.out.empty()) return 0;

  ReportContext context = context_of(model, options.model);
  context.arguments = options.command_line;
  context.facts.insert({{"id", options.id}, {"id_test", test_spec}, {"device", device_name(device)}});
  for (const NamedSpec& set : ood_specs) context.facts["ood." + set.name] = set.spec;
  write_report(options.out, evaluation, id_test, ood, context);
  fmt::print("\nreport     {}/results.json{}\n", options.out, ood.empty() ? "" : " and scores/");
  return 0;
}

}  // namespace mode::tools
