#include "tools/commands/commands.h"

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdlib>
#include <memory>

#include "nn/data/augment.h"
#include "tools/commands/argument_parts.h"
#include "tools/commands/common.h"

namespace mode::tools {

namespace {

const char* const data_help =
    "Images are named by one word:\n"
    "  cifar10:DIR?split=train|test   cifar100:DIR?split=train|test   svhn:FILE.mat   folder:DIR\n"
    "  folder:DIR?split=train|val|test (ImageNet, Tiny-ImageNet)   list:FILE?root=DIR (lines 'path label')\n"
    "  synthetic:NAME?split=train|test&seed=1&size=N\n"
    "and limit=N takes the first N records; with seed=S, and of folders, N spread over the classes: 'cifar10:DIR?split=test&limit=2000'\n"
    "(quote the '&'). Of folder: and list:, cache=DIR keeps the decoded images there, outside the images' own folder.";

/// Lives until the command has run.
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

void example(CLI::App* command, const std::string& line, bool with_data) {
  command->footer("Example:\n  " + line + (with_data ? std::string("\n\n") + data_help : std::string()));
}

void add_threads(CLI::App* command, int& threads) {
  command->add_option("--threads", threads, "threads to use; 0: all. Results do not depend on it")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
}

void add_device(CLI::App* command, std::string& device) {
  command->add_option("--device", device, "cpu, cuda (the first device) or cuda:N")->capture_default_str();
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
CLI::Validator share() {
  return number("a number of 0 .. 1", [](double value) { return value >= 0 && value <= 1; });
}

void add_foreign(CLI::App* command, std::string& arch, std::vector<double>& mean, std::vector<double>& std) {
  command->add_option("--arch", arch, "network, for weights that do not say it (resnet20, resnet18, ...)");
  command->add_option("--mean", mean, "three numbers of the normalization, pixels in 0 .. 1, for weights that do not say it")
      ->expected(3)
      ->check(any_number());
  command->add_option("--std", std, "likewise")->expected(3)->check(positive_number());
}

namespace {

CLI::App* add_eval(CLI::App& app, EvalOptions& o) {
  CLI::App* command = app.add_subcommand("eval", "accuracy, and how well detectors tell out-of-distribution images");
  command->add_option("--model", o.model, "safetensors file of a network, ours or PyTorch's")->required();
  command->add_option("--id", o.id, "in-distribution training images, which knn and csd compare with");
  command->add_option("--id-test", o.id_test, "in-distribution test images; default: those of --id");
  command->add_option("--ood", o.ood, "NAME=SPEC, any number of them; without any, ID accuracy alone is printed");
  command->add_option("--methods", o.methods, fmt::format("all, or some of {}", join(known_methods(), ", ")))->delimiter(',');
  command->add_option("--out", o.out, "directory for results.json and, with --ood, scores/SET.csv");
  add_foreign(command, o.arch, o.mean, o.std);
  command->add_option("--csd-k", o.csd_k, "neighbor whose distance csd takes")->check(CLI::Range(1, 1024))->capture_default_str();
  command->add_option("--knn-k", o.knn_k, "neighbor whose distance knn takes")->check(CLI::Range(1, 1024))->capture_default_str();
  command
      ->add_option(
          "--csd-scales", o.csd_scales,
          fmt::format("sets of scales for csd, some of {}; default: {}", join(known_scale_sets(), ", "), join(csd_scale_sets(), ",")))
      ->delimiter(',')
      ->transform(scale_set_name)
      ->check(CLI::IsMember(known_scale_sets()));
  command->add_option("--csd-match", o.csd_match, "cross: csd's bank holds all scales together; same: each scale meets its own")
      ->check(CLI::IsMember({"cross", "same"}))
      ->capture_default_str();
  command->add_option("--csd-reduce", o.csd_reduce, "min, mean or max over an image's vectors")
      ->check(CLI::IsMember({"min", "mean", "max"}))
      ->capture_default_str();
  command->add_option("--bank-rows", o.bank_rows, "rows of csd's bank that are kept; 0: all")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 31))
      ->capture_default_str();
  command->add_option("--bank-choice", o.bank_choice, "which: random, or kcenter (farthest first)")
      ->check(CLI::IsMember({"random", "kcenter"}))
      ->capture_default_str();
  command->add_option("--batch", o.batch, "images at a time")->check(CLI::Range(1, 1000000))->capture_default_str();
  add_device(command, o.device);
  add_threads(command, o.threads);
  example(
      command,
      "mode eval --model runs/resnet20/model.safetensors --id cifar10:DIR --id-test 'cifar10:DIR?split=test' --ood textures=folder:DIR");
  return command;
}

CLI::App* add_ablate(CLI::App& app, AblateOptions& o) {
  CLI::App* command = app.add_subcommand("ablate", "csd's choices one at a time: scales, K, matching, size of the bank");
  command->add_option("--model", o.model, "safetensors file of a network, ours or PyTorch's")->required();
  command->add_option("--id", o.id, "in-distribution training images, the bank")->required();
  command->add_option("--id-test", o.id_test, "in-distribution images that are scored")->required();
  command->add_option("--ood", o.ood, "NAME=SPEC, any number of them")->required();
  command->add_option("--out", o.out, "file for the tables as CSV");
  add_foreign(command, o.arch, o.mean, o.std);
  command->add_option("--k", o.k, "K where it is not what is varied")->check(CLI::Range(1, 1024))->capture_default_str();
  command->add_option("--seed", o.seed, "of banks chosen by chance")->capture_default_str();
  command->add_option("--batch", o.batch, "images at a time")->check(CLI::Range(1, 1000000))->capture_default_str();
  add_device(command, o.device);
  add_threads(command, o.threads);
  example(
      command,
      "mode ablate --model runs/resnet20/model.safetensors --id cifar10:DIR --id-test 'cifar10:DIR?split=test' --ood textures=folder:DIR");
  return command;
}

CLI::App* add_explain(CLI::App& app, ExplainOptions& o) {
  CLI::App* command = app.add_subcommand(
      "explain", "a PNG: where each region of one image looks in another; or the training regions that decide one image's score");
  command->add_option("images", o.images, "PNG or JPEG files: A and B for their attention, A alone for its nearest training regions")
      ->expected(-1)
      ->required();
  command->add_option("--run", o.run, "A and B: folder of a run with ALPA, whose heads attend");
  command->add_option("--model", o.model, "safetensors file of a network, ours or PyTorch's; of A and B its local vectors attend");
  command->add_option("--out", o.out, "PNG to write")->required();
  command->add_option("--grid", o.grid, "A and B: regions along an edge; default: the run's, else 4")->check(CLI::Range(1, 64));
  command->add_option("--temperature", o.temperature, "A and B by --model: attention is softmax(cosine / temperature)")
      ->check(positive_number())
      ->capture_default_str();
  command->add_option("--direction", o.direction, "A and B: regions of A in B (ab), of B in A (ba), or both")
      ->check(CLI::IsMember({"ab", "ba", "both"}))
      ->capture_default_str();
  command->add_flag("--stretch", o.stretch,
                    "A and B: color each tile from its least to its largest attention, so that faint differences show");
  command->add_option("--id", o.id, "A alone: the training images");
  command->add_option("--k", o.k, "A alone: neighbor whose distance decides")->check(CLI::Range(1, 1024))->capture_default_str();
  command->add_option("--nearest", o.nearest, "A alone: regions that are shown")->check(CLI::Range(1, 100))->capture_default_str();
  command
      ->add_option("--scales", o.scales, fmt::format("A alone: sets of scales, some of {}; default: csd's", join(known_scale_sets(), ", ")))
      ->delimiter(',')
      ->transform(scale_set_name)
      ->check(CLI::IsMember(known_scale_sets()));
  command->add_option("--batch", o.batch, "A alone: training images at a time")->check(CLI::Range(1, 1000000))->capture_default_str();
  add_foreign(command, o.arch, o.mean, o.std);
  add_device(command, o.device);
  add_threads(command, o.threads);
  example(command,
          "mode explain A.png B.png --run runs/mode-t --out pair.png\n"
          "  mode explain A.png --model runs/mode-t/model.safetensors --id cifar10:DIR --out nearest.png");
  return command;
}

CLI::App* add_probe(CLI::App& app, ProbeCommandOptions& o) {
  CLI::App* command = app.add_subcommand("probe", "a linear classifier on frozen features, and nearest neighbors beside it");
  command->add_option("--model", o.model, "safetensors file of a network, ours or PyTorch's")->required();
  command->add_option("--data", o.data, "labeled training images")->required();
  command->add_option("--test", o.test, "labeled images on which both are judged");
  command->add_option("--out", o.out, "file for the network with the probe as its classifier");
  add_foreign(command, o.arch, o.mean, o.std);
  command->add_option("--epochs", o.probe.epochs)->check(CLI::Range(1, 1000000))->capture_default_str();
  command->add_option("--batch", o.probe.batch, "images per step")->check(CLI::Range(1, 1000000))->capture_default_str();
  command->add_option("--lr", o.probe.lr)->check(positive_number())->capture_default_str();
  command->add_option("--weight-decay", o.probe.weight_decay)->check(number_from_zero())->capture_default_str();
  command->add_option("--seed", o.probe.seed)->capture_default_str();
  command->add_option("--k", o.k, "neighbors that vote")->check(CLI::Range(1, 1024))->capture_default_str();
  add_device(command, o.device);
  add_threads(command, o.threads);
  example(command,
          "mode probe --model runs/mode-f/model.safetensors --data cifar10:DIR --test 'cifar10:DIR?split=test' --out probed.safetensors");
  return command;
}

CLI::App* add_features(CLI::App& app, FeaturesOptions& o) {
  CLI::App* command = app.add_subcommand("features", "region vectors, logits and labels of a data set, into a safetensors file");
  command->add_option("--model", o.model, "safetensors file of a network, ours or PyTorch's")->required();
  command->add_option("--data", o.data, "images")->required();
  command->add_option("--out", o.out, "file to write: regions (N, M, E), logits (N, classes), labels (N), ids (N)")->required();
  add_foreign(command, o.arch, o.mean, o.std);
  command->add_option("--batch", o.batch, "images at a time")->check(CLI::Range(1, 1000000))->capture_default_str();
  add_device(command, o.device);
  add_threads(command, o.threads);
  example(command, "mode features --model runs/resnet20/model.safetensors --data 'cifar10:DIR?split=test' --out features.safetensors");
  return command;
}

CLI::App* add_info(CLI::App& app, InfoOptions& o) {
  CLI::App* command = app.add_subcommand("info", "what a network, a file or a data set is; without options, what this program is");
  command->add_option("--arch", o.arch, "layer table of a network; with --model: the network of weights that do not say it");
  command->add_option("--model", o.model, "safetensors file: what it says, how it was read, its layers");
  command->add_option("--data", o.data, "images: how many, which classes, the first names");
  command->add_option("--size", o.size, "edge of the input, for --arch and --data")->check(CLI::Range(1, 4096))->capture_default_str();
  command->add_option("--classes", o.classes, "for --arch")->check(CLI::Range(1, 1000000))->capture_default_str();
  command->add_option("--stem", o.stem, "for --arch: cifar (3x3; default) or imagenet (7x7 stride 2, maximum)");
  command->add_option("--shortcut", o.shortcut, "for --arch: a (every second pixel, zero channels) or projection; default as in the paper");
  command->add_option("--dot", o.dot, "file for the network's graph in the language DOT, as autograd records it; - for stdout");
  command->add_option("--sheet", o.sheet.path, "PNG to write: images of --data beside what augmentation makes of them");
  command->add_option("--augment", o.sheet.augment, fmt::format("for --sheet: {}", join(nn::known_augments(), ", ")))
      ->check(CLI::IsMember(nn::known_augments()))
      ->capture_default_str();
  command->add_option("--images", o.sheet.images, "for --sheet: rows")->check(CLI::Range(1, 1000))->capture_default_str();
  command->add_option("--views", o.sheet.views, "for --sheet: views of each image")->check(CLI::Range(1, 256))->capture_default_str();
  command->add_option("--seed", o.sheet.seed, "for --sheet")->capture_default_str();
  command->add_option("--epoch", o.sheet.epoch, "for --sheet")->check(CLI::Range(0, 1000000))->capture_default_str();
  command->add_option("--read-size", o.read_size, "for --sheet: edge at which images are read; 0: --size")
      ->check(CLI::Range(0, 4096))
      ->capture_default_str();
  command->add_option("--mean", o.mean, "three numbers, for weights that do not say it")->expected(3)->check(any_number());
  command->add_option("--std", o.std, "likewise")->expected(3)->check(positive_number());
  add_device(command, o.device);
  example(command, "mode info --arch resnet50 --stem imagenet --size 224 --classes 1000 --dot resnet50.dot");
  return command;
}

CLI::App* add_gradcheck(CLI::App& app, GradcheckOptions& o) {
  CLI::App* command =
      app.add_subcommand("gradcheck", "every differentiable op against central differences; the exit status is the verdict");
  command->add_option("--op", o.op, "this op alone");
  command->add_option("--explain", o.explain, "this op's formulas, one case of it, and its derivatives by backward and by differences");
  command->add_option("--case", o.case_name, "for --explain: the case whose name holds this; default: a small one");
  add_device(command, o.device);
  example(command, "mode gradcheck --op conv2d\n  mode gradcheck --explain conv2d --case 'stride 2'", false);
  return command;
}

CLI::App* add_demo(CLI::App& app, DemoOptions& o) {
  CLI::App* command = app.add_subcommand("demo", "train, detect and print the table, on images that the program draws itself");
  command->add_option("--epochs", o.epochs)->check(CLI::Range(1, 1000000))->capture_default_str();
  command->add_option("--arch", o.arch)->capture_default_str();
  command->add_option("--out", o.out, "directory of the results; an earlier demo there is replaced")->capture_default_str();
  command->add_option("--seed", o.seed)->capture_default_str();
  add_device(command, o.device);
  add_threads(command, o.threads);
  example(command, "mode demo", false);
  return command;
}

/// CLI11's own texts have more than one line now and then.
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
  CLI::App app("Trains residual networks and tells images they know from images they do not.", "mode");
  bool version = false;
  app.add_flag("--version", version, "commit, instruction set, CUDA");
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
  app.footer("mode COMMAND --help says more. MODE_TRACE=1 in the environment adds the source line to an error.\nExample:\n  mode demo");

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

  for (const auto& [command, given] : {std::pair(train, &options->train.given), std::pair(finetune, &options->finetune.given),
                                       std::pair(study, &options->study.train.given), std::pair(explain, &options->explain.given)})
    if (command->parsed())
      for (const CLI::Option* option : command->get_options())
        if (option->count() > 0 && !option->get_lnames().empty()) given->insert(option->get_lnames()[0]);
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
