#include "tools/commands/arguments.h"

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdlib>
#include <memory>

#include "nn/data/augment.h"
#include "tools/commands/ablate.h"
#include "tools/commands/common.h"
#include "tools/commands/demo.h"
#include "tools/commands/eval.h"
#include "tools/commands/features.h"
#include "tools/commands/gradcheck.h"
#include "tools/commands/info.h"
#include "tools/commands/train.h"

namespace mode::tools {

namespace {

const char* const data_help =
    "Pictures are named by one word:\n"
    "  cifar10:DIR?split=train|test   cifar100:DIR?split=train|test   svhn:FILE.mat   folder:DIR\n"
    "  synthetic:NAME?split=train|test&seed=1&size=N\n"
    "and limit=N takes the first N records; with seed=S, and of folders, N spread over the classes: 'cifar10:DIR?split=test&limit=2000'\n"
    "(quote the '&').";

/// Lives until the command has run.
struct Options {
  TrainOptions train;
  EvalOptions eval;
  AblateOptions ablate;
  FeaturesOptions features;
  InfoOptions info;
  DemoOptions demo;
  GradcheckOptions gradcheck;
};

void example(CLI::App* command, const std::string& line, bool with_data = true) {
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

/// CLI11's own ranges let NaN pass, and print their limits with 309 digits.
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
  command->add_option("--mean", mean, "three numbers of the normalisation, pixels in 0 .. 1, for weights that do not say it")
      ->expected(3)
      ->check(any_number());
  command->add_option("--std", std, "likewise")->expected(3)->check(positive_number());
}

void add_learning_rate(CLI::App* command, TrainOptions& o) {
  const char* const group = "Learning rate";
  command->add_option("--lr", o.lr, "at the peak")->check(positive_number())->capture_default_str()->group(group);
  command->add_option("--schedule", o.schedule, "cosine, step or constant; by step, not by epoch")->capture_default_str()->group(group);
  command->add_option("--final-ratio", o.final_ratio, "of cosine: its end, as a share of --lr")
      ->check(share())
      ->capture_default_str()
      ->group(group);
  command->add_option("--milestones", o.milestones, "of step: epochs after which the rate falls, as in --milestones 100,150")
      ->delimiter(',')
      ->check(CLI::Range(1, 1000000))
      ->group(group);
  command->add_option("--gamma", o.gamma, "of step: the factor at each milestone")->check(share())->capture_default_str()->group(group);
  command->add_option("--warmup-epochs", o.warmup_epochs, "epochs in which the learning rate rises to the peak")
      ->check(CLI::Range(0, 1000000))
      ->capture_default_str()
      ->group(group);
  command->add_option("--warmup-start", o.warmup_start, "where it rises from (--lr, if that is less)")
      ->check(number_from_zero())
      ->capture_default_str()
      ->group(group);
}

void add_optimiser(CLI::App* command, TrainOptions& o) {
  const char* const group = "Optimiser (SGD) and loss (cross-entropy)";
  command->add_option("--momentum", o.momentum)->check(share())->capture_default_str()->group(group);
  command->add_flag("--nesterov", o.nesterov, "Nesterov's momentum")->group(group);
  command->add_option("--weight-decay", o.weight_decay)->check(number_from_zero())->capture_default_str()->group(group);
  command
      ->add_flag("--no-decay-norm-bias", o.no_decay_norm_bias,
                 "no decay of parameters of one axis: BatchNorm's and biases; they are listed")
      ->group(group);
  command->add_option("--clip", o.clip, "scale gradients down to this norm of all of them together; 0: never. log.csv has the norm")
      ->check(number_from_zero())
      ->capture_default_str()
      ->group(group);
  command->add_option("--label-smoothing", o.label_smoothing, "share of the target spread over all classes")
      ->check(share())
      ->capture_default_str()
      ->group(group);
}

void add_pictures(CLI::App* command, TrainOptions& o) {
  const char* const group = "Pictures";
  command->add_option("--size", o.size, "edge of the network's input")->check(CLI::Range(1, 4096))->capture_default_str()->group(group);
  command->add_option("--crop", o.crop, "how others become square: squash, or centre (short side resized, middle cut out)")
      ->capture_default_str()
      ->group(group);
  command->add_option("--short-side", o.short_side, "of --crop centre: pixels before the middle is cut out; 0: --size")
      ->check(CLI::Range(0, 8192))
      ->capture_default_str()
      ->group(group);
  command->add_option("--augment", o.augment, fmt::format("one of {}", join(nn::known_augments(), ", ")))
      ->capture_default_str()
      ->group(group);
  command->add_option("--read-size", o.read_size, "edge at which pictures are read before augmentation crops --size out of them; 0: --size")
      ->check(CLI::Range(0, 4096))
      ->capture_default_str()
      ->group(group);
  command->add_option("--workers", o.workers, "threads that read, decode and augment; 0: as many as --threads. Results do not depend on it")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str()
      ->group(group);
  command
      ->add_flag_callback(
          "--no-augment",
          [&o] {
            o.augment = "none";
            o.given.insert("augment");
          },
          "the same as --augment none")
      ->group(group);
  command->add_option("--mean", o.mean, "three numbers, pixels in 0 .. 1; default: CIFAR's own, else measured")
      ->expected(3)
      ->check(any_number())
      ->group(group);
  command->add_option("--std", o.std, "likewise")->expected(3)->check(positive_number())->group(group);
}

CLI::App* add_train(CLI::App& app, TrainOptions& o) {
  CLI::App* command = app.add_subcommand("train", "train a ResNet to classify a labelled data set");
  command->add_option("--data", o.data, "labelled training pictures");
  command->add_option("--out", o.out, "directory of the run: model, best and state.safetensors, log.csv; one process at a time");
  command->add_option("--preset", o.preset,
                      fmt::format("settings by name, which other options override: {}; list shows them", join(known_presets(), ", ")));
  command->add_option("--arch", o.arch, "resnet8 .. resnet56 (16-32-64 channels), resnet18, resnet34, resnet50, resnet101")
      ->capture_default_str();
  command->add_option("--epochs", o.epochs)->check(CLI::Range(1, 1000000))->capture_default_str();
  command->add_option("--batch", o.batch, "pictures per step")->check(CLI::Range(1, 1000000))->capture_default_str();
  command->add_option("--seed", o.seed, "of weights, order, augmentation and hold-out; the same seed gives the same weights")
      ->capture_default_str();
  command->add_option("--shortcut", o.shortcut,
                      "a (every second pixel, zero channels) or projection (1x1 convolution); default as in the paper");
  command->add_option("--stem", o.stem, "cifar (3x3) or imagenet (7x7 stride 2, maximum)")->capture_default_str();
  add_learning_rate(command, o);
  add_optimiser(command, o);
  add_pictures(command, o);
  const char* const group = "Choice and saving";
  command
      ->add_option("--holdout", o.holdout,
                   "share of each class never trained on; best.safetensors is the epoch that knows most of them. 0: none")
      ->check(share())
      ->capture_default_str()
      ->group(group);
  command->add_option("--patience", o.patience, "end after that many epochs without a better one on the held-out pictures; 0: never")
      ->check(CLI::Range(0, 1000000))
      ->capture_default_str()
      ->group(group);
  command->add_option("--val", o.val, "pictures whose accuracy is printed after each epoch; nothing is chosen on them")->group(group);
  command->add_option("--save-every", o.save_every, "save within epochs too: every 500 (steps) or 10m (minutes). Ctrl-C always saves")
      ->group(group);
  command->add_flag("--resume", o.resume, "go on with the run in --out, to the same bits; everything else is taken from it")->group(group);
  add_device(command, o.device);
  add_threads(command, o.threads);
  example(command,
          "mode train --data cifar10:DIR --val 'cifar10:DIR?split=test' --arch resnet20 --epochs 30 --out runs/resnet20\n"
          "  mode train --data cifar10:DIR --preset cifar10-ce --batch 128 --lr 0.05 --out runs/base\n"
          "  mode train --data folder:DIR --schedule step --milestones 30,60 --gamma 0.1 --epochs 90 --out runs/step\n"
          "  mode train --data folder:DIR --nesterov --no-decay-norm-bias --label-smoothing 0.1 --clip 5 --out runs/smooth\n"
          "  mode train --data folder:DIR --size 64 --crop centre --short-side 72 --augment imagenet --read-size 96 --workers 2 --out "
          "runs/framed\n"
          "  mode train --data folder:DIR --holdout 0.1 --patience 10 --save-every 10m --out runs/patient\n"
          "  mode train --resume --out runs/patient");
  return command;
}

CLI::App* add_eval(CLI::App& app, EvalOptions& o) {
  CLI::App* command = app.add_subcommand("eval", "accuracy, and how well detectors tell out-of-distribution pictures");
  command->add_option("--model", o.model, "safetensors file of a network, ours or PyTorch's")->required();
  command->add_option("--id", o.id, "in-distribution training pictures, which knn and csd compare with");
  command->add_option("--id-test", o.id_test, "in-distribution test pictures; default: those of --id");
  command->add_option("--ood", o.ood, "NAME=SPEC, any number of them; without any, ID accuracy alone is printed");
  command->add_option("--methods", o.methods, fmt::format("all, or some of {}", join(known_methods(), ", ")))->delimiter(',');
  command->add_option("--out", o.out, "directory for results.json and, with --ood, scores/SET.csv");
  add_foreign(command, o.arch, o.mean, o.std);
  command->add_option("--csd-k", o.csd_k, "neighbour whose distance csd takes")->check(CLI::Range(1, 1024))->capture_default_str();
  command->add_option("--knn-k", o.knn_k, "neighbour whose distance knn takes")->check(CLI::Range(1, 1024))->capture_default_str();
  command
      ->add_option(
          "--csd-scales", o.csd_scales,
          fmt::format("sets of scales for csd, some of {}; default: {}", join(known_scale_sets(), ", "), join(csd_scale_sets(), ",")))
      ->delimiter(',')
      ->check(CLI::IsMember(known_scale_sets()));
  command->add_option("--csd-match", o.csd_match, "cross: csd's bank holds all scales together; same: each scale meets its own")
      ->check(CLI::IsMember({"cross", "same"}))
      ->capture_default_str();
  command->add_option("--csd-reduce", o.csd_reduce, "min, mean or max over a picture's vectors")
      ->check(CLI::IsMember({"min", "mean", "max"}))
      ->capture_default_str();
  command->add_option("--bank-rows", o.bank_rows, "rows of csd's bank that are kept; 0: all")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 31))
      ->capture_default_str();
  command->add_option("--bank-choice", o.bank_choice, "which: random, or kcentre (farthest first)")
      ->check(CLI::IsMember({"random", "kcentre"}))
      ->capture_default_str();
  command->add_option("--batch", o.batch, "pictures at a time")->check(CLI::Range(1, 1000000))->capture_default_str();
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
  command->add_option("--id", o.id, "in-distribution training pictures, the bank")->required();
  command->add_option("--id-test", o.id_test, "in-distribution pictures that are scored")->required();
  command->add_option("--ood", o.ood, "NAME=SPEC, any number of them")->required();
  command->add_option("--out", o.out, "file for the tables as CSV");
  add_foreign(command, o.arch, o.mean, o.std);
  command->add_option("--k", o.k, "K where it is not what is varied")->check(CLI::Range(1, 1024))->capture_default_str();
  command->add_option("--seed", o.seed, "of banks chosen by chance")->capture_default_str();
  command->add_option("--batch", o.batch, "pictures at a time")->check(CLI::Range(1, 1000000))->capture_default_str();
  add_device(command, o.device);
  add_threads(command, o.threads);
  example(
      command,
      "mode ablate --model runs/resnet20/model.safetensors --id cifar10:DIR --id-test 'cifar10:DIR?split=test' --ood textures=folder:DIR");
  return command;
}

CLI::App* add_features(CLI::App& app, FeaturesOptions& o) {
  CLI::App* command = app.add_subcommand("features", "region vectors, logits and labels of a data set, into a safetensors file");
  command->add_option("--model", o.model, "safetensors file of a network, ours or PyTorch's")->required();
  command->add_option("--data", o.data, "pictures")->required();
  command->add_option("--out", o.out, "file to write: regions (N, M, E), logits (N, classes), labels (N), ids (N)")->required();
  add_foreign(command, o.arch, o.mean, o.std);
  command->add_option("--batch", o.batch, "pictures at a time")->check(CLI::Range(1, 1000000))->capture_default_str();
  add_device(command, o.device);
  add_threads(command, o.threads);
  example(command, "mode features --model runs/resnet20/model.safetensors --data 'cifar10:DIR?split=test' --out features.safetensors");
  return command;
}

CLI::App* add_info(CLI::App& app, InfoOptions& o) {
  CLI::App* command = app.add_subcommand("info", "what a network, a file or a data set is; without options, what this program is");
  command->add_option("--arch", o.arch, "layer table of a network; with --model: the network of weights that do not say it");
  command->add_option("--model", o.model, "safetensors file: what it says, how it was read, its layers");
  command->add_option("--data", o.data, "pictures: how many, which classes, the first names");
  command->add_option("--size", o.size, "edge of the input, for --arch and --data")->check(CLI::Range(1, 4096))->capture_default_str();
  command->add_option("--classes", o.classes, "for --arch")->check(CLI::Range(1, 1000000))->capture_default_str();
  command->add_option("--stem", o.stem, "for --arch: cifar (3x3; default) or imagenet (7x7 stride 2, maximum)");
  command->add_option("--shortcut", o.shortcut, "for --arch: a (every second pixel, zero channels) or projection; default as in the paper");
  command->add_option("--dot", o.dot, "file for the network's graph in the language DOT, as autograd records it; - for stdout");
  command->add_option("--sheet", o.sheet.path, "PNG to write: pictures of --data beside what augmentation makes of them");
  command->add_option("--augment", o.sheet.augment, fmt::format("for --sheet: {}", join(nn::known_augments(), ", ")))
      ->check(CLI::IsMember(nn::known_augments()))
      ->capture_default_str();
  command->add_option("--pictures", o.sheet.pictures, "for --sheet: rows")->check(CLI::Range(1, 1000))->capture_default_str();
  command->add_option("--views", o.sheet.views, "for --sheet: views of each picture")->check(CLI::Range(1, 256))->capture_default_str();
  command->add_option("--seed", o.sheet.seed, "for --sheet")->capture_default_str();
  command->add_option("--epoch", o.sheet.epoch, "for --sheet")->check(CLI::Range(0, 1000000))->capture_default_str();
  command->add_option("--read-size", o.read_size, "for --sheet: edge at which pictures are read; 0: --size")
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
  CLI::App* command = app.add_subcommand("demo", "train, detect and print the table, on pictures that the program draws itself");
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
  CLI::App app("Trains residual networks and tells pictures they know from pictures they do not.", "mode");
  bool version = false;
  app.add_flag("--version", version, "commit, instruction set, CUDA");
  CLI::App* train = add_train(app, options->train);
  CLI::App* eval = add_eval(app, options->eval);
  CLI::App* ablate = add_ablate(app, options->ablate);
  CLI::App* features = add_features(app, options->features);
  CLI::App* info = add_info(app, options->info);
  CLI::App* gradcheck = add_gradcheck(app, options->gradcheck);
  CLI::App* demo = add_demo(app, options->demo);
  app.require_subcommand(0, 1);
  app.footer("mode COMMAND --help says more.\nExample:\n  mode demo");

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

  if (train->parsed()) {
    for (const CLI::Option* option : train->get_options())
      if (option->count() > 0 && !option->get_lnames().empty()) options->train.given.insert(option->get_lnames()[0]);
    return [options] { return run_train(options->train); };
  }
  options->eval.command_line = options->demo.command_line = {argv, argv + argc};
  if (eval->parsed()) return [options] { return run_eval(options->eval); };
  if (ablate->parsed()) return [options] { return run_ablate(options->ablate); };
  if (features->parsed()) return [options] { return run_features(options->features); };
  if (info->parsed()) return [options] { return run_info(options->info); };
  if (gradcheck->parsed()) return [options] { return run_gradcheck(options->gradcheck); };
  if (demo->parsed()) return [options] { return run_demo(options->demo); };
  throw UsageError("a command is needed: train, eval, ablate, features, info, gradcheck or demo; see mode --help");
}

}  // namespace mode::tools
