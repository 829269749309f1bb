#include "nn/text.h"
#include "tools/commands/commands.h"

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdlib>
#include <memory>

#include "mode/training/trainer.h"
#include "nn/data/augment.h"
#include "tools/commands/argument_parts.h"
#include "tools/commands/common.h"

namespace mode::tools {

namespace {

const char* const data_help =
    "Datasets:\n"
    "  cifar10:DIR?split=train|test   cifar100:DIR?split=train|test   svhn:FILE.mat   folder:DIR\n"
    "  folder:DIR?split=train|val|test (ImageNet, Tiny-ImageNet)   list:FILE?root=DIR (lines 'path label')\n"
    "  synthetic:NAME?split=train|test&seed=1&size=N\n"
    "Dataset options, as in 'cifar10:DIR?split=test&limit=2000' (quote the '&'):\n"
    "  limit=N    the first N images; of folders, or with seed=S, N images spread over the classes\n"
    "  cache=DIR  directory of decoded images, for folder: and list:";

/// The options of all commands; alive until the command has run.
struct Options {
  TrainOptions train;
  TrainOptions finetune = finetune_defaults();
  StudyOptions study = study_defaults();
  EvalOptions eval;
  AblateOptions ablate;
  ExplainOptions explain;
  ProbeCommandOptions probe;
  FeaturesOptions features;
  InfoOptions info;
  DemoOptions demo;
  GradcheckOptions gradcheck;
};

}  // namespace

void example(CLI::App* command, const std::string& lines, bool with_data) {
  command->footer("Example:\n  " + lines + (with_data ? std::string("\n\n") + data_help : std::string()));
}

void add_threads(CLI::App* command, int& threads) {
  command->add_option("--threads", threads, "CPU threads; 0: all. No effect on results")->check(CLI::Range(0, 1024))->capture_default_str();
}

void add_device(CLI::App* command, std::string& device) {
  command->add_option("--device", device, "compute device: cpu, cuda (the first GPU) or cuda:N")->capture_default_str();
}

CLI::Validator number(const std::string& what, bool (*fits)(double)) {
  return CLI::Validator(
      [what, fits](std::string& text) {
        char* end = nullptr;
        const double value = std::strtod(text.c_str(), &end);
        const bool whole = end != text.c_str() && *end == 0;
        return whole && std::isfinite(value) && fits(value) ? std::string() : fmt::format("expected {}, got {}", what, text);
      },
      "");
}

CLI::Validator any_number() {
  return number("a finite number", [](double) { return true; });
}
CLI::Validator positive_number() {
  return number("a finite number > 0", [](double value) { return value > 0; });
}
CLI::Validator number_from_zero() {
  return number("a finite number >= 0", [](double value) { return value >= 0; });
}
void add_overrides(CLI::App* command, std::string& arch, std::vector<double>& mean, std::vector<double>& std) {
  command->add_option("--arch", arch, "network name, for weights without metadata (resnet20, ...)");
  command->add_option("--mean", mean, "mean per channel of pixels in 0 .. 1, for weights without metadata")
      ->expected(3)
      ->check(any_number());
  command->add_option("--std", std, "standard deviation per channel, for weights without metadata")->expected(3)->check(positive_number());
}

namespace {

CLI::App* add_eval(CLI::App& app, EvalOptions& o) {
  CLI::App* command = app.add_subcommand("eval", "accuracy and out-of-distribution detection of a network");
  command->add_option("--model", o.model, "safetensors file of the network, ours or PyTorch's")->required();
  command->add_option("--id", o.id, "in-distribution training images, the bank of knn and csd");
  command->add_option("--id-test", o.id_test, "in-distribution test images; default: --id");
  command->add_option("--ood", o.ood, "out-of-distribution images, NAME=SPEC; repeatable; none: ID accuracy only");
  command->add_option("--methods", o.methods, fmt::format("methods: all, or some of {}", nn::joined(known_methods())))->delimiter(',');
  command->add_option("--out", o.out, "output directory: results.json and, with --ood, scores/SET.csv");
  add_overrides(command, o.arch, o.mean, o.std);
  command->add_option("--csd-k", o.csd_k, "neighbor whose distance is the score of csd (1 .. 1024)")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command->add_option("--knn-k", o.knn_k, "neighbor whose distance is the score of knn (1 .. 1024)")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command
      ->add_option("--csd-scales", o.csd_scales,
                   fmt::format("sets of scales of csd: {}; default: {}", nn::joined(known_scale_sets()), nn::joined(csd_scale_sets(), ",")))
      ->delimiter(',')
      ->transform(scale_set_name)
      ->check(CLI::IsMember(known_scale_sets()));
  command->add_option("--csd-match", o.csd_match, "bank of csd: cross (all scales) or same (one per scale)")
      ->check(CLI::IsMember({"cross", "same"}))
      ->capture_default_str();
  command->add_option("--csd-reduce", o.csd_reduce, "reduction of csd over an image's regions: min, mean or max")
      ->check(CLI::IsMember({"min", "mean", "max"}))
      ->capture_default_str();
  command->add_option("--bank-rows", o.bank_rows, "rows of csd's bank; 0: all")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 31))
      ->capture_default_str();
  command->add_option("--bank-choice", o.bank_choice, "selection of the bank's rows: random or kcenter (farthest first)")
      ->transform([](const std::string& word) { return word == "kcentre" ? std::string("kcenter") : word; })
      ->check(CLI::IsMember({"random", "kcenter"}))
      ->capture_default_str();
  command->add_option("--batch", o.batch, "images per forward pass")->check(CLI::Range(1, 1000000))->capture_default_str();
  add_device(command, o.device);
  add_threads(command, o.threads);
  example(command,
          "mode eval --model runs/a/model.safetensors --id cifar10:DIR --id-test 'cifar10:DIR?split=test' \\\n"
          "    --ood textures=folder:DIR");
  return command;
}

CLI::App* add_ablate(CLI::App& app, AblateOptions& o) {
  CLI::App* command = app.add_subcommand("ablate", "ablation of csd: scales, K, matching and bank size, one at a time");
  command->add_option("--model", o.model, "safetensors file of the network, ours or PyTorch's")->required();
  command->add_option("--id", o.id, "in-distribution training images, the bank")->required();
  command->add_option("--id-test", o.id_test, "in-distribution test images")->required();
  command->add_option("--ood", o.ood, "out-of-distribution images, NAME=SPEC; repeatable")->required();
  command->add_option("--out", o.out, "CSV file of the tables");
  add_overrides(command, o.arch, o.mean, o.std);
  command->add_option("--k", o.k, "K while another choice varies (1 .. 1024)")->check(CLI::Range(1, 1024))->capture_default_str();
  command->add_option("--seed", o.seed, "random seed of random banks")->capture_default_str();
  command->add_option("--batch", o.batch, "images per forward pass")->check(CLI::Range(1, 1000000))->capture_default_str();
  add_device(command, o.device);
  add_threads(command, o.threads);
  example(command,
          "mode ablate --model runs/a/model.safetensors --id cifar10:DIR --id-test 'cifar10:DIR?split=test' \\\n"
          "    --ood textures=folder:DIR");
  return command;
}

CLI::App* add_explain(CLI::App& app, ExplainOptions& o) {
  CLI::App* command =
      app.add_subcommand("explain", "PNG of ALPA's attention between two images, or of one image's nearest training regions");
  command->add_option("images", o.images, "PNG or JPEG files: A B (attention) or A (nearest training regions)")->expected(-1)->required();
  command->add_option("--run", o.run, "A B: directory of a run trained with ALPA");
  command->add_option("--model", o.model, "safetensors file of the network; A B: attention of its local features");
  command->add_option("--out", o.out, "PNG file to write")->required();
  command->add_option("--grid", o.grid, "A B: regions per edge (1 .. 64); default: the run's, else 4")->check(CLI::Range(1, 64));
  command->add_option("--temperature", o.temperature, "A B, --model: temperature of softmax(cosine / temperature), > 0")
      ->check(positive_number())
      ->capture_default_str();
  command->add_option("--direction", o.direction, "A B: regions of A in B (ab), of B in A (ba), or both")
      ->check(CLI::IsMember({"ab", "ba", "both"}))
      ->capture_default_str();
  command->add_flag("--stretch", o.stretch, "A B: color scale of each tile from its least to its largest attention");
  command->add_option("--id", o.id, "A: training images");
  command->add_option("--k", o.k, "A: neighbor whose distance is the score (1 .. 1024)")->check(CLI::Range(1, 1024))->capture_default_str();
  command->add_option("--nearest", o.nearest, "A: number of training regions shown (1 .. 100)")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  command->add_option("--scales", o.scales, fmt::format("A: sets of scales: {}; default: csd's", nn::joined(known_scale_sets())))
      ->delimiter(',')
      ->transform(scale_set_name)
      ->check(CLI::IsMember(known_scale_sets()));
  command->add_option("--batch", o.batch, "A: training images per forward pass")->check(CLI::Range(1, 1000000))->capture_default_str();
  add_overrides(command, o.arch, o.mean, o.std);
  add_device(command, o.device);
  add_threads(command, o.threads);
  example(command,
          "mode explain A.png B.png --run runs/mode-t --out pair.png\n"
          "  mode explain A.png --model runs/mode-t/model.safetensors --id cifar10:DIR --out nearest.png");
  return command;
}

CLI::App* add_probe(CLI::App& app, ProbeCommandOptions& o) {
  CLI::App* command = app.add_subcommand("probe", "linear classifier on frozen features, and k-NN accuracy");
  command->add_option("--model", o.model, "safetensors file of the network, ours or PyTorch's")->required();
  command->add_option("--data", o.data, "labeled training images")->required();
  command->add_option("--test", o.test, "labeled test images");
  command->add_option("--out", o.out, "safetensors file of the network with the probe as its classifier");
  add_overrides(command, o.arch, o.mean, o.std);
  command->add_option("--epochs", o.probe.epochs, "number of epochs")->check(CLI::Range(1, 1000000))->capture_default_str();
  command->add_option("--batch", o.probe.batch, "images per step")->check(CLI::Range(1, 1000000))->capture_default_str();
  command->add_option("--lr", o.probe.lr, "peak learning rate, > 0")->check(positive_number())->capture_default_str();
  command->add_option("--weight-decay", o.probe.weight_decay, "L2 penalty, >= 0")->check(number_from_zero())->capture_default_str();
  command->add_option("--seed", o.probe.seed, "random seed of initialization and image order")->capture_default_str();
  command->add_option("--k", o.k, "number of voting neighbors (1 .. 1024)")->check(CLI::Range(1, 1024))->capture_default_str();
  add_device(command, o.device);
  add_threads(command, o.threads);
  example(command,
          "mode probe --model runs/mode-f/model.safetensors --data cifar10:DIR --test 'cifar10:DIR?split=test' \\\n"
          "    --out probed.safetensors");
  return command;
}

CLI::App* add_features(CLI::App& app, FeaturesOptions& o) {
  CLI::App* command = app.add_subcommand("features", "safetensors file of region vectors, logits and labels of a dataset");
  command->add_option("--model", o.model, "safetensors file of the network, ours or PyTorch's")->required();
  command->add_option("--data", o.data, "images to extract features from")->required();
  command->add_option("--out", o.out, "output file: regions (N, M, E), logits (N, classes), labels (N), ids (N)")->required();
  add_overrides(command, o.arch, o.mean, o.std);
  command->add_option("--batch", o.batch, "images per forward pass")->check(CLI::Range(1, 1000000))->capture_default_str();
  add_device(command, o.device);
  add_threads(command, o.threads);
  example(command, "mode features --model runs/a/model.safetensors --data 'cifar10:DIR?split=test' --out features.safetensors");
  return command;
}

CLI::App* add_info(CLI::App& app, InfoOptions& o) {
  CLI::App* command = app.add_subcommand("info", "description of a network, a weights file or a dataset; without options, of this program");
  command->add_option("--arch", o.arch, "network of the layer table; with --model: name for weights without metadata");
  command->add_option("--model", o.model, "safetensors file: metadata, load report and layer table");
  command->add_option("--data", o.data, "dataset: size, classes, first image names");
  command->add_option("--size", o.size, "edge of the input in pixels, for --arch and --data (1 .. 4096)")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  command->add_option("--classes", o.classes, "number of classes, for --arch")->check(CLI::Range(1, 1000000))->capture_default_str();
  command->add_option("--stem", o.stem, "first layers, for --arch: cifar (3x3; default) or imagenet (7x7, max pool)");
  command->add_option("--shortcut", o.shortcut, "shortcut, for --arch: projection, option_a or standard (default)");
  command->add_option("--dot", o.dot, "DOT file of the autograd graph; -: stdout");
  command->add_option("--sheet", o.sheet.path, "PNG file of images of --data and their augmented views");
  command->add_option("--augment", o.sheet.augment, fmt::format("augmentation, for --sheet: {}", nn::joined(nn::known_augments())))
      ->check(CLI::IsMember(nn::known_augments()))
      ->capture_default_str();
  command->add_option("--images", o.sheet.images, "number of images, for --sheet (1 .. 1000)")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command->add_option("--pictures", o.sheet.images)->check(CLI::Range(1, 1000))->group("");  // its earlier name
  command->add_option("--views", o.sheet.views, "views per image, for --sheet (1 .. 256)")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  command->add_option("--seed", o.sheet.seed, "random seed, for --sheet")->capture_default_str();
  command->add_option("--epoch", o.sheet.epoch, "epoch of the augmentation, for --sheet (>= 0)")
      ->check(CLI::Range(0, 1000000))
      ->capture_default_str();
  command->add_option("--read-size", o.read_size, "edge in pixels before augmentation, for --sheet; 0: --size")
      ->check(CLI::Range(0, 4096))
      ->capture_default_str();
  command->add_option("--mean", o.mean, "mean per channel of pixels in 0 .. 1, for weights without metadata")
      ->expected(3)
      ->check(any_number());
  command->add_option("--std", o.std, "standard deviation per channel, for weights without metadata")
      ->expected(3)
      ->check(positive_number());
  add_device(command, o.device);
  example(command, "mode info --arch resnet50 --stem imagenet --size 224 --classes 1000 --dot resnet50.dot");
  return command;
}

CLI::App* add_gradcheck(CLI::App& app, GradcheckOptions& o) {
  CLI::App* command = app.add_subcommand("gradcheck", "gradient check of every op against central differences; exit status 0: passed");
  command->add_option("--op", o.op, "name of the only op to check");
  command->add_option("--explain", o.explain, "op whose formulas, one case and its derivatives are printed");
  command->add_option("--case", o.case_name, "part of the case name, for --explain; default: a small case");
  add_device(command, o.device);
  example(command, "mode gradcheck --op conv2d\n  mode gradcheck --explain conv2d --case 'stride 2'", false);
  return command;
}

CLI::App* add_demo(CLI::App& app, DemoOptions& o) {
  CLI::App* command = app.add_subcommand("demo", "training, detection and the table of results, on synthetic images");
  command->add_option("--epochs", o.epochs, "number of epochs")->check(CLI::Range(1, 1000000))->capture_default_str();
  command->add_option("--arch", o.arch, "network: resnet8 .. resnet56, resnet18, ...")->capture_default_str();
  command->add_option("--out", o.out, "output directory; replaces an earlier demo")->capture_default_str();
  command->add_option("--seed", o.seed, "random seed of weights and images")->capture_default_str();
  add_device(command, o.device);
  add_threads(command, o.threads);
  example(command, "mode demo", false);
  return command;
}

/// A message of CLI11 as one line.
std::string one_line(std::string text) {
  for (char& c : text)
    if (c == '\n') c = ' ';
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}

std::function<int()> print(std::string text) {
  return [text = std::move(text)] {
    fmt::print("{}", text);
    return 0;
  };
}

}  // namespace

std::function<int()> parse_arguments(int argc, char** argv) {
  const auto options = std::make_shared<Options>();
  CLI::App app("Residual networks and out-of-distribution detection.", "mode");
  bool version = false;
  app.add_flag("--version", version, "version, commit, instruction set and CUDA version");
  CLI::App* train = add_train(app, options->train);
  CLI::App* finetune = add_finetune(app, options->finetune);
  CLI::App* study = add_study(app, options->study);
  CLI::App* eval = add_eval(app, options->eval);
  CLI::App* ablate = add_ablate(app, options->ablate);
  CLI::App* explain = add_explain(app, options->explain);
  CLI::App* probe = add_probe(app, options->probe);
  CLI::App* features = add_features(app, options->features);
  CLI::App* info = add_info(app, options->info);
  CLI::App* gradcheck = add_gradcheck(app, options->gradcheck);
  CLI::App* demo = add_demo(app, options->demo);
  app.require_subcommand(0, 1);
  app.footer("mode COMMAND --help lists the options of a command. MODE_TRACE=1 adds the source line to errors.\nExample:\n  mode demo");

  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    const std::vector<CLI::App*> chosen = app.get_subcommands();
    return print(chosen.empty() ? app.help() : chosen[0]->help("mode"));
  } catch (const CLI::ParseError& error) {
    const std::vector<CLI::App*> chosen = app.get_subcommands();
    throw UsageError(fmt::format("{}; see mode {}--help", one_line(error.what()), chosen.empty() ? "" : chosen[0]->get_name() + " "));
  }
  if (version) return print(version_text() + "\n");

  for (const CLI::Option* option : explain->get_options())
    if (option->count() > 0 && !option->get_lnames().empty()) options->explain.given.insert(option->get_lnames()[0]);
  if (train->parsed()) return [options] { return run_train(options->train); };
  if (finetune->parsed()) return [options] { return run_finetune(options->finetune); };
  if (study->parsed()) return [options] { return run_study(options->study); };
  options->eval.command_line = options->demo.command_line = {argv, argv + argc};
  if (eval->parsed()) return [options] { return run_eval(options->eval); };
  if (ablate->parsed()) return [options] { return run_ablate(options->ablate); };
  if (explain->parsed()) return [options] { return run_explain(options->explain); };
  if (probe->parsed()) return [options] { return run_probe(options->probe); };
  if (features->parsed()) return [options] { return run_features(options->features); };
  if (info->parsed()) return [options] { return run_info(options->info); };
  if (gradcheck->parsed()) return [options] { return run_gradcheck(options->gradcheck); };
  if (demo->parsed()) return [options] { return run_demo(options->demo); };
  throw UsageError(
      "a command is needed: train, finetune, study, probe, eval, ablate, explain, features, info, gradcheck or demo; see mode --help");
}

}  // namespace mode::tools
