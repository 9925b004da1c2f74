// A conformance program in Java: reads actions (tests/libraries/test_conformance.py says how), logs them.

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.dvic.log.DvicLog;
import org.dvic.log.Logger;

public final class Conformance {
    public static void main(String[] arguments) throws Exception {
        Logger log = DvicLog.logger("");
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            List<String> given = new ArrayList<>();
            for (String field : line.split("\t", -1)) {
                given.add(plain(field));
            }
            String action = given.remove(0);
            if (action.equals("logger")) {
                log = DvicLog.logger(given.get(0)).of(given.get(1), given.get(2), given.get(3), given.get(4));
            } else if (action.equals("log")) {
                logged(log, given);
            } else if (action.equals("many")) {
                for (int left = Integer.parseInt(given.remove(0)); left > 0; left--) {
                    logged(log, given);
                }
            } else if (action.equals("say")) {
                System.out.println(given.get(0));
            } else {
                step(log, action, given);
            }
        }
    }

    private static void logged(Logger log, List<String> given) {
        List<Object> fields = new ArrayList<>();
        for (String pair : given.subList(2, given.size())) {
            String[] parts = pair.split("=", 2);
            fields.add(parts[0]);
            fields.add(typed(parts[1]));
        }
        log.log(DvicLog.level(given.get(0)), given.get(1), fields.toArray());
    }

    private static void step(Logger log, String action, List<String> given) throws Exception {
        if (given.isEmpty()) {
            Logger.class.getMethod(action).invoke(log);
        } else {
            Logger.class.getMethod(action, Object.class, Object[].class).invoke(log, given.get(0), new Object[0]);
        }
    }

    private static Object typed(String text) {
        return text.matches("true|false") ? (Object) Boolean.valueOf(text)
            : text.matches("-?(0|[1-9]\\d{0,17})") ? (Object) Long.valueOf(text)
            : text.matches("-?(0|[1-9]\\d*)\\.\\d+") ? (Object) Double.valueOf(text) : text;
    }

    private static String plain(String field) {
        StringBuilder text = new StringBuilder();
        for (int at = 0; at < field.length(); at++) {
            char c = field.charAt(at);
            if (c == '\\') {
                c = field.charAt(++at);
                c = c == 'n' ? '\n' : c == 't' ? '\t' : c;
            }
            text.append(c);
        }
        return text.toString();
    }
}
